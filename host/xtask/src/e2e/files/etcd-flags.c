/* Starts etcd 3.5 where a manifest for etcd 3.6 asks for it: two experimental flags were renamed between them. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
    static char renamed[128];
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--feature-gates=InitialCorruptCheck=true"))
            argv[i] = "--experimental-initial-corrupt-check=true";
        else if (!strncmp(argv[i], "--watch-progress-notify-interval=", 33)) {
            snprintf(renamed, sizeof renamed, "--experimental-%s", argv[i] + 2);
            argv[i] = renamed;
        }
    }
    execv("/usr/local/bin/etcd-3.5", argv);
    perror("/usr/local/bin/etcd-3.5");
    return 127;
}

/* Holds a pod's namespaces open and reaps what its containers leave behind. With -v it ends at once: so it is used by
   kubeadm to see whether the cluster runs Jobs. */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void end(int s) { _exit(0); }
static void reap(int s) { while (waitpid(-1, 0, WNOHANG) > 0); }

int main(int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "-v")) return 0;
    signal(SIGINT, end);
    signal(SIGTERM, end);
    signal(SIGCHLD, reap);
    for (;;) pause();
}

# First process of a node: builds its mounts from the directories named in the environment, makes them its
# root and becomes systemd. Everything mounted here vanishes with the mount namespace.

hostname "$NODE"
mount --make-rprivate /

mkdir -p "$DIR/upper" "$DIR/work" "$DIR/root"
# /var is a plain directory, because containerd's snapshots are overlays and those cannot lie on another one.
cp -a "$ROOTFS/var" "$DIR/var"
mount -t overlay node -o "lowerdir=$LAYER:$ROOTFS,upperdir=$DIR/upper,workdir=$DIR/work" "$DIR/root"
cd "$DIR/root"
mount --bind "$DIR/var" var
mount --bind "$LOGS" var/log

mount -t proc -o nosuid,nodev,noexec proc proc
mount -t sysfs -o nosuid,nodev,noexec sysfs sys
if [ "$CGROUPS" = v2 ]; then
    mount -t cgroup2 cgroup sys/fs/cgroup
else
    mount -t tmpfs -o nosuid,nodev,noexec,mode=755 tmpfs sys/fs/cgroup
    echo "$CGROUPS" | while read -r name options; do
        [ -n "$name" ] || continue
        mkdir "sys/fs/cgroup/$name"
        mount -t cgroup -o "nosuid,nodev,noexec,$options" cgroup "sys/fs/cgroup/$name"
        # Programs look for each controller of a joint hierarchy by its own name.
        case $name in *,*) for one in $(echo "$name" | tr , ' '); do ln -s "$name" "sys/fs/cgroup/$one"; done ;; esac
    done
fi

mount -t tmpfs -o nosuid,mode=755 tmpfs dev
while read -r name major minor mode; do
    mknod -m "$mode" "dev/$name" c "$major" "$minor"
done <<EOF
null 1 3 666
zero 1 5 666
full 1 7 666
random 1 8 666
urandom 1 9 666
kmsg 1 11 600
tty 5 0 666
fuse 10 229 666
EOF
mkdir dev/net dev/pts dev/shm dev/mqueue
mknod -m 666 dev/net/tun c 10 200
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o nosuid,nodev tmpfs dev/shm
mount -t mqueue mqueue dev/mqueue
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr
mount -t tmpfs -o nosuid,nodev,mode=755 tmpfs run
mount -t tmpfs -o nosuid,nodev,mode=1777 tmpfs tmp

# kubelet and kube-proxy set these, and they belong to the whole machine: let them write to plain files instead.
mkdir run/sysctl
for key in vm/overcommit_memory kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes; do
    [ -e "proc/sys/$key" ] || continue
    file="run/sysctl/$(basename "$key")"
    cat "proc/sys/$key" > "$file"
    mount --bind "$file" "proc/sys/$key"
done
# These are this network namespace's own.
echo 1 > proc/sys/net/ipv4/ip_forward
for key in iptables ip6tables; do
    [ ! -e "proc/sys/net/bridge/bridge-nf-call-$key" ] || echo 1 > "proc/sys/net/bridge/bridge-nf-call-$key"
done

echo "$NODE" > etc/hostname
printf '127.0.0.1 localhost\n::1 localhost\n%s %s\n' "$ADDRESS" "$NODE" > etc/hosts
# Nobody answers there; kubelet wants the file, and no query may leave.
echo "nameserver $ADDRESS" > etc/resolv.conf
tr -d - < /proc/sys/kernel/random/uuid > etc/machine-id

mkdir -p .outside
pivot_root . .outside
cd /
umount -l /.outside
rmdir /.outside
# Mounts that kubelet makes for a pod must be seen by the pod's containers.
mount --make-rshared /
exec env -i container=kubephase PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system

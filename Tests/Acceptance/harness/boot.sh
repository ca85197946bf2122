#!/bin/bash
# boot.sh CGROUP ROOT: boots the Debian in ROOT with its own systemd, in a control group and in namespaces of its own. The network is the machine's.
# All mounts end with the namespaces. The kernel's settings are read-only, because they are the machine's too.
set -euo pipefail

if [[ ${3:-} != inside ]]; then
    echo $$ >"$1/cgroup.procs"
    exec unshare --mount --pid --ipc --uts --cgroup --fork --kill-child bash "$0" "$1" "$2" inside
fi

cd "$2"
mount --bind . .
cd "$2"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do
    touch "dev/$device"
    mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs tmpfs dev/shm
hostname berth-test
exec env -i container=berth-test PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot . /lib/systemd/systemd --log-target=console --show-status=no

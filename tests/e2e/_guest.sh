#!/usr/bin/env bash
# A small virtual machine with a real systemd, in qemu without KVM:
#   _guest.sh build DIR          builds kernel and disk from Debian packages in DIR, once; about 50 s
#   _guest.sh run DIR JOB LOG    boots it, runs JOB/job.sh in it, and exits with its status
# Requires qemu-system-x86, mmdebstrap and root.
set -euo pipefail
action=$1 dir=$2
packages=systemd-sysv,dbus,udev,iproute2,procps

build() {
  if [[ -e $dir/disk.img ]]; then return; fi
  mkdir -p "$dir"
  cd "$dir"
  # The kernel for clouds has its drivers for NVMe, ext4 and the serial line built in: no initramfs.
  local kernel
  kernel=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p')
  apt-get download -q "$kernel"
  dpkg -x "$kernel"_*.deb kernel
  cp kernel/boot/vmlinuz-* vmlinuz
  rm -rf tree
  mmdebstrap --quiet --variant=minbase --mode=root --include="$packages" \
    --aptopt='Apt::Install-Recommends "false"' bookworm tree
  echo /dev/nvme0n1 / ext4 rw 0 0 >tree/etc/fstab
  cat >tree/usr/local/sbin/run-job <<'EOF'
#!/bin/bash
mkdir -p /job && mount -o ro /dev/nvme1n1 /job && bash /job/job.sh
echo "JOB-STATUS $?"
sync
systemctl poweroff --force --force
EOF
  chmod +x tree/usr/local/sbin/run-job
  cat >tree/etc/systemd/system/job.service <<'EOF'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/usr/local/sbin/run-job
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
EOF
  cat >tree/etc/systemd/system/job.target <<'EOF'
[Unit]
Requires=multi-user.target
Wants=job.service
After=multi-user.target
AllowIsolate=yes
EOF
  truncate -s 1500M disk.part
  mke2fs -q -t ext4 -d tree disk.part
  mv disk.part disk.img
  rm -rf tree kernel ./*.deb
}

run() {
  local job=$3 log=$4
  rm -f "$log.img"
  truncate -s "$(($(du -sm "$job" | cut -f1) * 11 / 10 + 8))M" "$log.img"
  mke2fs -q -t ext4 -d "$job" "$log.img"
  timeout -k 5 1200 qemu-system-x86_64 -nodefaults -display none -no-reboot -M q35 \
    -accel tcg,thread=multi -cpu max -smp 2 -m 1536 -serial stdio -kernel "$dir/vmlinuz" \
    -append "console=ttyS0 root=/dev/nvme0n1 rw systemd.unit=job.target systemd.show_status=0 systemd.mask=serial-getty@ttyS0.service mitigations=off quiet" \
    -drive "file=$dir/disk.img,format=raw,if=none,id=a,snapshot=on" -device nvme,serial=a,drive=a \
    -drive "file=$log.img,format=raw,if=none,id=b,readonly=on" -device nvme,serial=b,drive=b \
    </dev/null >"$log" 2>&1 || true
  rm -f "$log.img"
  grep -aq '^JOB-STATUS 0' "$log"
}

"$action" "$@"

# SPDX-License-Identifier: BSD-3-Clause
# How long a Linux secondary takes to boot, in time that its vCPUs ran. Run by
# test/suites/linux.py with QEMU counting instructions: a nanosecond is one.

echo true >/dev/holdfast/linux
check "it boots" limit 600 cat /dev/holdfast/linux
say "vCPU 0 ran for $(sed -n '1s/ .*//p' /sys/class/holdfast/linux/stats) ns"
limit 2 cat "/dev/ttyHF$(vm linux index)" | sed -n 's/^Up for/hf-test: &/p'

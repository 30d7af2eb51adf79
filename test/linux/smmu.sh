# SPDX-License-Identifier: BSD-3-Clause
# An SMMU is before the disk and the network, and Linux does not know of it.

equal "no IOMMU is seen" "$(ls /sys/class/iommu 2>/dev/null)" ""
check "the disk and the network are PCI devices" \
	test "$(ls /sys/bus/pci/drivers/virtio-pci | grep -c ^0000)" = 2
check "their interrupts come by the ITS" \
	grep -q 'ITS-MSI.*virtio' /proc/interrupts

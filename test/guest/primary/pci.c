/* SPDX-License-Identifier: BSD-3-Clause */
#include "dt.h"
#include "exception.h"
#include "pci.h"
#include "sysreg.h"
#include "test.h"
#include "timer.h"

/* Configuration space */
#define PCI_ID 0x00
#define PCI_COMMAND 0x04
#define COMMAND_MEMORY_MASTER 6
#define PCI_BAR(n) (0x10 + 4 * (n))
#define PCI_CAPABILITIES 0x34
#define CAPABILITY_VENDOR 9

#define ID_EDU 0x11e81234
#define ID_VIRTIO_RNG 0x10441af4

/* Addresses in QEMU's 32-bit window. */
#define EDU_BAR 0x10000000
#define RNG_BAR 0x10200000
#define DEVICES 32

/* edu: docs/specs/edu */
#define EDU_DMA_FROM 0x80
#define EDU_DMA_TO 0x88
#define EDU_DMA_COUNT 0x90
#define EDU_DMA_COMMAND 0x98
#define EDU_START 1
#define EDU_TO_MEMORY 2
#define EDU_BUFFER 0x40000
#define EDU_WAIT_NS 5000000000

/* virtio 1.1, 4.1.4 "Virtio Structure PCI Capabilities" */
#define VIRTIO_BAR 4
#define CAPABILITY_COMMON 1
#define CAPABILITY_NOTIFY 2
#define COMMON_FEATURE_SELECT 0x08 /* the driver's */
#define COMMON_FEATURE 0x0c
#define COMMON_STATUS 0x14
#define COMMON_QUEUE_SIZE 0x18
#define COMMON_QUEUE_ENABLE 0x1c
#define COMMON_QUEUE_NOTIFY 0x1e
#define COMMON_QUEUE_DESC 0x20
#define COMMON_QUEUE_DRIVER 0x28
#define COMMON_QUEUE_DEVICE 0x30
#define FEATURES_HIGH 3 /* VERSION_1, ACCESS_PLATFORM */
#define STATUS_DRIVER 3
#define STATUS_FEATURES_OK 8
#define STATUS_DRIVER_OK 4
#define QUEUE_SIZE 4
#define DESC_WRITE 2
#define RNG_WAIT_NS 300000000

static struct {
	uintptr_t common, notify;
	uint32_t multiplier;
} rng;

/* A split queue (2.6), with room to itself. */
static struct {
	struct {
		uint64_t address;
		uint32_t size;
		uint16_t flags, next;
	} desc[QUEUE_SIZE];
	struct {
		uint16_t flags, index, ring[QUEUE_SIZE + 1];
	} driver;
	struct {
		uint16_t flags, index;
		struct {
			uint32_t id, size;
		} ring[QUEUE_SIZE];
		uint16_t event;
	} device __attribute__((aligned(4)));
} queue __attribute__((aligned(4096)));

static void write16(uintptr_t at, uint16_t value)
{
	*(volatile uint16_t *)at = value;
}

uint64_t pci_ecam(void)
{
	const uint32_t *node = dt_node("/pcie");
	uint64_t base;

	return node && !dt_string(node, "status") &&
			       dt_reg(node, 0, &base, NULL)
		       ? base
		       : 0;
}

/* The configuration space of the device with an ID, or 0. */
static uintptr_t find(uint32_t id)
{
	uint64_t ecam = pci_ecam();
	unsigned int i;

	for (i = 0; ecam && i < DEVICES; i++)
		if (read32(ecam + (i << 15) + PCI_ID) == id)
			return ecam + (i << 15);
	return 0;
}

static void read_capabilities(uintptr_t config)
{
	uint32_t at = read32(config + PCI_CAPABILITIES) & 0xff;

	while (at) {
		uint32_t head = read32(config + at);
		uintptr_t address = RNG_BAR + read32(config + at + 8);

		if ((head & 0xff) == CAPABILITY_VENDOR) {
			if (head >> 24 == CAPABILITY_COMMON)
				rng.common = address;
			if (head >> 24 == CAPABILITY_NOTIFY) {
				rng.notify = address;
				rng.multiplier = read32(config + at + 16);
			}
		}
		at = head >> 8 & 0xff;
	}
}

bool pci_init(void)
{
	uintptr_t edu = find(ID_EDU);
	uintptr_t config = find(ID_VIRTIO_RNG);

	if (!edu || !config) {
		test_fail(__FILE__, __LINE__, "no edu or no virtio-rng device");
		return false;
	}
	write32(edu + PCI_BAR(0), EDU_BAR);
	write32(edu + PCI_COMMAND, COMMAND_MEMORY_MASTER);
	write32(config + PCI_BAR(VIRTIO_BAR), RNG_BAR);
	write32(config + PCI_BAR(VIRTIO_BAR + 1), 0);
	write32(config + PCI_COMMAND, COMMAND_MEMORY_MASTER);
	read_capabilities(config);
	return true;
}

static void edu_copy(uint64_t from, uint64_t to, uint64_t size, uint32_t how)
{
	uint64_t end = timer_now_ns() + EDU_WAIT_NS;

	write64(EDU_BAR + EDU_DMA_FROM, from);
	write64(EDU_BAR + EDU_DMA_TO, to);
	write64(EDU_BAR + EDU_DMA_COUNT, size);
	dsb();
	write32(EDU_BAR + EDU_DMA_COMMAND, EDU_START | how);
	while (read32(EDU_BAR + EDU_DMA_COMMAND) & EDU_START)
		if (timer_now_ns() > end)
			FAIL("the edu device does not end");
	dsb();
}

void edu_load(uint64_t address, uint64_t size)
{
	edu_copy(address, EDU_BUFFER, size, 0);
}

void edu_store(uint64_t address, uint64_t size)
{
	edu_copy(EDU_BUFFER, address, size, EDU_TO_MEMORY);
}

static void set_status(uint8_t status)
{
	*(volatile uint8_t *)(rng.common + COMMON_STATUS) = status;
}

static uint16_t used_index(void)
{
	return *(volatile uint16_t *)&queue.device.index;
}

/* The device notes at `ring` what it has done. */
static bool run_queue(uint64_t address, uint32_t size, uint64_t ring)
{
	uint64_t end = timer_now_ns() + RNG_WAIT_NS;
	uint16_t offset;

	set_status(0);
	set_status(STATUS_DRIVER);
	write32(rng.common + COMMON_FEATURE_SELECT, 0);
	write32(rng.common + COMMON_FEATURE, 0);
	write32(rng.common + COMMON_FEATURE_SELECT, 1);
	write32(rng.common + COMMON_FEATURE, FEATURES_HIGH);
	set_status(STATUS_DRIVER | STATUS_FEATURES_OK);
	queue.desc[0].address = address;
	queue.desc[0].size = size;
	queue.desc[0].flags = DESC_WRITE;
	queue.driver.ring[0] = 0;
	queue.driver.index = 1;
	queue.device.index = 0;
	write16(rng.common + COMMON_QUEUE_SIZE, QUEUE_SIZE);
	write64(rng.common + COMMON_QUEUE_DESC, (uintptr_t)queue.desc);
	write64(rng.common + COMMON_QUEUE_DRIVER, (uintptr_t)&queue.driver);
	write64(rng.common + COMMON_QUEUE_DEVICE, ring);
	write16(rng.common + COMMON_QUEUE_ENABLE, 1);
	set_status(STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK);
	offset = *(volatile uint16_t *)(rng.common + COMMON_QUEUE_NOTIFY);
	dsb();
	write16(rng.notify + offset * rng.multiplier, 0);
	while (!used_index() && timer_now_ns() < end)
		;
	dsb();
	return used_index() != 0;
}

bool rng_store(uint64_t address, uint32_t size)
{
	return run_queue(address, size, (uintptr_t)&queue.device);
}

void rng_use_ring(uint64_t ring)
{
	static uint64_t sink;

	run_queue((uintptr_t)&sink, sizeof(sink), ring);
}

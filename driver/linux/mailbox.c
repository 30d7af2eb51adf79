// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hypercalls and the mailbox of this kernel.
 *
 * The hypervisor takes the addresses of the mailbox pages once in the life of a
 * VM, and goes on writing to the receive page whenever a secondary replies. So
 * the pages are never freed, and an unloaded module leaves their addresses to
 * the next one: in a property of the live device tree. Such a property could
 * also reach another kernel (kexec copies the live tree), in which the pages
 * are anything but ours. What it says is therefore believed only if the struct
 * pages carry our mark, which no kernel inherits from another.
 */

#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/of.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "holdfast.h"

#define HF_MAILBOX_PROPERTY "holdfast,mailbox"
#define HF_PAGE_MARK 0x686f6c64 /* "hold" */

static DEFINE_MUTEX(hf_send_lock);
static void *hf_send_page;
static void *hf_recv_page;

/*
 * Not arm_smccc_1_1_hvc(): with SVE that sets a hint in bit 16 of the function
 * number, and these numbers are not the SMCCC's.
 */
void hf_call_regs(u64 x[4])
{
	register u64 x0 asm("x0") = x[0];
	register u64 x1 asm("x1") = x[1];
	register u64 x2 asm("x2") = x[2];
	register u64 x3 asm("x3") = x[3];

	asm volatile("hvc #0"
		     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
		     :
		     : "memory", "cc");
	x[0] = x0;
	x[1] = x1;
	x[2] = x2;
	x[3] = x3;
}

s64 hf_call(u32 fn, u64 a1, u64 a2)
{
	u64 x[4] = { fn, a1, a2 };

	hf_call_regs(x);
	return x[0];
}

static void *hf_alloc_page(void)
{
	struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);

	if (!page)
		return NULL;
	SetPageReserved(page);
	set_page_private(page, HF_PAGE_MARK);
	return page_address(page);
}

static void hf_free_page(void *address)
{
	struct page *page;

	if (!address)
		return;
	page = virt_to_page(address);
	set_page_private(page, 0);
	ClearPageReserved(page);
	__free_page(page);
}

static void *hf_find_page(u64 pa)
{
	struct page *page;

	if (!PAGE_ALIGNED(pa) || !pfn_valid(PHYS_PFN(pa)))
		return NULL;
	page = pfn_to_page(PHYS_PFN(pa));
	if (!PageReserved(page) || page_private(page) != HF_PAGE_MARK)
		return NULL;
	return page_address(page);
}

/* Finds the pages that an earlier load of this module left. */
static int hf_mailbox_find(struct device_node *node)
{
	u64 pages[2];

	if (of_property_read_u64_array(node, HF_MAILBOX_PROPERTY, pages, 2))
		return -ENOENT;
	hf_send_page = hf_find_page(pages[0]);
	hf_recv_page = hf_find_page(pages[1]);
	if (!hf_send_page || !hf_recv_page) {
		pr_err("the mailbox belongs to a kernel that ran before\n");
		return -EBUSY;
	}
	return 0;
}

static void hf_property_free(struct property *property)
{
	if (!property)
		return;
	kfree(property->name);
	kfree(property->value);
	kfree(property);
}

/* A property with room for the two addresses. It outlives this module. */
static struct property *hf_property_alloc(void)
{
	struct property *property = kzalloc(sizeof(*property), GFP_KERNEL);

	if (!property)
		return NULL;
	property->name = kstrdup(HF_MAILBOX_PROPERTY, GFP_KERNEL);
	property->length = 2 * sizeof(__be64);
	property->value = kzalloc(property->length, GFP_KERNEL);
	if (property->name && property->value)
		return property;
	hf_property_free(property);
	return NULL;
}

/*
 * Allocates the pages and gives them to the hypervisor. Afterwards they are
 * its for good; what can fail for us comes before.
 */
static int hf_mailbox_create(struct device_node *node)
{
	struct property *property = hf_property_alloc();
	__be64 *pages;
	int ret = -ENOMEM;

	hf_send_page = hf_alloc_page();
	hf_recv_page = hf_alloc_page();
	if (!property || !hf_send_page || !hf_recv_page)
		goto free;

	pages = property->value;
	pages[0] = cpu_to_be64(virt_to_phys(hf_send_page));
	pages[1] = cpu_to_be64(virt_to_phys(hf_recv_page));
	ret = of_add_property(node, property);
	if (ret)
		goto free;
	if (!hf_call(HF_VM_CONFIGURE, virt_to_phys(hf_send_page),
		     virt_to_phys(hf_recv_page)))
		return 0;

	pr_err("the hypervisor refuses the mailbox; did another kernel run?\n");
	ret = -EBUSY;
	/* The tree keeps a removed property on a list, so it is not freed. */
	of_remove_property(node, property);
	property = NULL;
free:
	hf_property_free(property);
	hf_free_page(hf_send_page);
	hf_free_page(hf_recv_page);
	return ret;
}

int hf_mailbox_init(struct device_node *node)
{
	int ret = hf_mailbox_find(node);

	if (ret == -ENOENT)
		ret = hf_mailbox_create(node);
	if (ret)
		return ret;

	/*
	 * What an earlier load of this module did not acknowledge would keep
	 * others from sending: to the primary all VMs, to a secondary the
	 * primary.
	 */
	hf_call(HF_RPC_ACK, 0, 0);
	return 0;
}

s64 hf_mailbox_send(u32 vm, const void *data, size_t size)
{
	s64 ret;

	mutex_lock(&hf_send_lock);
	memcpy(hf_send_page, data, size);
	ret = hf_call(HF_RPC_REQUEST, vm, size);
	mutex_unlock(&hf_send_lock);
	return ret;
}

s64 hf_mailbox_reply(const void *data, size_t size)
{
	s64 ret;

	mutex_lock(&hf_send_lock);
	memcpy(hf_send_page, data, size);
	ret = hf_call(HF_RPC_REPLY, size, 1);
	mutex_unlock(&hf_send_lock);
	return ret;
}

const void *hf_mailbox_received(void)
{
	return hf_recv_page;
}

void hf_mailbox_take(struct hf_message *message, u64 size)
{
	message->size = min_t(u64, size, HF_MAILBOX_SIZE);
	message->offset = 0;
	memcpy(message->data, hf_recv_page, message->size);
	hf_call(HF_RPC_ACK, 0, 0);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Driver for the Holdfast hypervisor: finds the secondary VMs, makes devices
 * for each and runs their vCPUs. docs/linux-driver.md says what users see.
 * (In a secondary VM it is service.c that does something.)
 */

#include <linux/device.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "holdfast.h"

/* What the names of devices, and so of files in /dev, are made of. */
#define HF_NAME_CHARS \
	"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._-"

static struct hf_vm **hf_vms;
static u32 hf_vm_count;
static dev_t hf_devt;

static char *hf_devnode(struct device *dev, umode_t *mode)
{
	return kasprintf(GFP_KERNEL, "holdfast/%s", dev_name(dev));
}

static struct class hf_class = {
	.name = "holdfast",
	.owner = THIS_MODULE,
	.devnode = hf_devnode,
};

struct hf_vm *hf_vm_get(u32 index)
{
	return index < hf_vm_count ? hf_vms[index] : NULL;
}

/* Is that the name of a VM whose label is no good? */
static bool hf_name_is_number(const char *name)
{
	return !strncmp(name, "vm", 2) && name[2] &&
	       !name[2 + strspn(name + 2, "0123456789")];
}

/*
 * May a device be called that? The name becomes a file's in /dev and in sysfs.
 * The hypervisor's log is called "log".
 */
static bool hf_name_usable(const char *name)
{
	u32 i;

	if (!*name || *name == '.' || !strcmp(name, "log") ||
	    hf_name_is_number(name))
		return false;
	if (name[strspn(name, HF_NAME_CHARS)])
		return false;
	for (i = 0; i < hf_vm_count; i++)
		if (hf_vms[i] && !strcmp(dev_name(&hf_vms[i]->dev), name))
			return false;
	return true;
}

/* Names the device of a VM after its label, or after its number. */
static int hf_vm_set_name(struct hf_vm *vm)
{
	if (hf_name_usable(vm->label))
		return dev_set_name(&vm->dev, "%s", vm->label);
	return dev_set_name(&vm->dev, "vm%u", vm->index);
}

/* The label of a VM: its debug_name, as the hypervisor passes it on. */
static char *hf_vm_label(struct device_node *hypervisor, u32 index)
{
	struct device_node *node;
	const char *label = "";
	u32 reg;

	for_each_child_of_node(hypervisor, node) {
		if (of_property_read_u32(node, "reg", &reg) || reg != index)
			continue;
		of_property_read_string(node, "label", &label);
		label = kstrdup(label, GFP_KERNEL);
		of_node_put(node);
		return (char *)label;
	}
	return kstrdup(label, GFP_KERNEL);
}

/* Releases a VM when the last reference to its device is gone. */
static void hf_vm_release(struct device *dev)
{
	struct hf_vm *vm = hf_vm_of(dev);
	u32 i;

	for (i = 0; i < vm->vcpu_count; i++)
		hf_vcpu_free(&vm->vcpus[i]);
	hf_console_free(vm);
	free_page((unsigned long)vm->message.data);
	kfree(vm->label);
	kfree(vm);
}

static struct hf_vm *hf_vm_alloc(struct device *parent, u32 index, u32 count)
{
	struct hf_vm *vm = kzalloc(struct_size(vm, vcpus, count), GFP_KERNEL);

	if (!vm)
		return NULL;
	vm->index = index;
	vm->vcpu_count = count;
	init_waitqueue_head(&vm->wait);
	init_rwsem(&vm->gate);
	mutex_init(&vm->lock);
	INIT_LIST_HEAD(&vm->queue);
	hf_life_init(vm);
	hf_console_prepare(vm);
	cdev_init(&vm->cdev, &hf_fops);
	vm->cdev.owner = THIS_MODULE;
	device_initialize(&vm->dev);
	vm->dev.parent = parent;
	vm->dev.class = &hf_class;
	vm->dev.groups = hf_groups;
	vm->dev.devt = MKDEV(MAJOR(hf_devt), MINOR(hf_devt) + index);
	vm->dev.release = hf_vm_release;
	return vm;
}

static int hf_vm_create(struct device *parent, u32 index)
{
	s64 count = hf_call(HF_VCPU_GET_COUNT, index, 0);
	struct hf_vm *vm;
	int ret = -ENOMEM;
	u32 i;

	if (count <= 0) {
		dev_info(parent, "VM %u was left out\n", index);
		return 0;
	}
	vm = hf_vm_alloc(parent, index, count);
	if (!vm)
		return -ENOMEM;

	vm->label = hf_vm_label(parent->of_node, index);
	vm->message.data = (void *)__get_free_page(GFP_KERNEL);
	if (vm->label && vm->message.data)
		ret = hf_vm_set_name(vm);
	if (!ret)
		ret = hf_console_init(vm);
	for (i = 0; !ret && i < vm->vcpu_count; i++)
		ret = hf_vcpu_init(&vm->vcpus[i], vm, i);
	hf_vms[index] = vm;
	return ret;
}

static void hf_vm_start(struct hf_vm *vm)
{
	u32 i;

	dev_info(&vm->dev, "VM %u, %u vCPU(s)\n", vm->index, vm->vcpu_count);
	/* What it printed before the hypervisor was told that we are there. */
	hf_console_service(vm);
	for (i = 0; i < vm->vcpu_count; i++)
		hf_vcpu_start(&vm->vcpus[i]);
}

static void hf_vm_stop(struct hf_vm *vm)
{
	u32 i;

	/* First those who tell of the VM, by way of its device. */
	for (i = 0; i < vm->vcpu_count; i++)
		hf_vcpu_stop(&vm->vcpus[i]);
	/* What could schedule it is over. */
	cancel_delayed_work_sync(&vm->restart);
	hf_console_del(vm);
	if (device_is_registered(&vm->dev))
		cdev_device_del(&vm->cdev, &vm->dev);
}

/* Undoes hf_create_vms(), whatever part of it was done. */
static void hf_destroy_vms(void)
{
	u32 i;

	/* The vCPUs of one VM may wake those of others: stop all, then free. */
	for (i = 0; i < hf_vm_count; i++)
		if (hf_vms[i])
			hf_vm_stop(hf_vms[i]);
	for (i = 0; i < hf_vm_count; i++)
		if (hf_vms[i])
			put_device(&hf_vms[i]->dev);
	hf_vm_count = 0;
	kfree(hf_vms);
}

/* Makes the devices of a VM. */
static int hf_vm_add(struct hf_vm *vm)
{
	int ret = cdev_device_add(&vm->cdev, &vm->dev);

	return ret ? ret : hf_console_add(vm);
}

static int hf_create_vms(struct device *parent, u32 count)
{
	int ret = 0;
	u32 i;

	hf_vms = kcalloc(count, sizeof(*hf_vms), GFP_KERNEL);
	if (!hf_vms)
		return -ENOMEM;
	hf_vm_count = count;
	for (i = 0; !ret && i < count; i++)
		ret = hf_vm_create(parent, i);
	for (i = 0; !ret && i < count; i++)
		if (hf_vms[i])
			ret = hf_vm_add(hf_vms[i]);
	if (ret) {
		hf_destroy_vms();
		return ret;
	}
	for (i = 0; i < count; i++)
		if (hf_vms[i])
			hf_vm_start(hf_vms[i]);
	return 0;
}

/* Gets numbers for @count VMs, and makes their devices. */
static int hf_setup(struct device *parent, u32 count)
{
	int ret = alloc_chrdev_region(&hf_devt, 0, count, "holdfast");

	if (ret)
		return ret;
	ret = hf_console_register(count);
	if (ret)
		goto unregister;
	ret = hf_create_vms(parent, count);
	if (!ret)
		return 0;
	hf_console_unregister();
unregister:
	unregister_chrdev_region(hf_devt, count);
	return ret;
}

static int hf_probe(struct platform_device *pdev)
{
	s64 count = hf_call(HF_VM_GET_COUNT, 0, 0);
	int ret;

	if (count < 0)
		return -ENODEV;
	ret = hf_log_register(&pdev->dev);
	if (ret || !count)
		return ret;
	ret = hf_mailbox_init(pdev->dev.of_node);
	if (ret)
		goto unregister;
	/* Without it a VM that waits for a request is asked a little later. */
	hf_call(HF_SET_OPTIONS, HF_OPTION_MESSAGE_WANTED | HF_OPTION_CONSOLE,
		0);
	ret = hf_setup(&pdev->dev, count);
	if (!ret)
		return 0;
	hf_call(HF_SET_OPTIONS, 0, 0);
unregister:
	hf_log_unregister();
	return ret;
}

static int hf_remove(struct platform_device *pdev)
{
	u32 count = hf_vm_count;

	hf_log_unregister();
	if (!count)
		return 0;
	hf_destroy_vms();
	/* From here on the hypervisor shows what VMs print. */
	hf_call(HF_SET_OPTIONS, 0, 0);
	hf_console_unregister();
	unregister_chrdev_region(hf_devt, count);
	return 0;
}

static const struct of_device_id hf_of_match[] = {
	{ .compatible = "holdfast,hypervisor" }, {}, /* the end */
};
MODULE_DEVICE_TABLE(of, hf_of_match);

/* Open files keep the module, but nothing would keep an unbound device. */
static struct platform_driver hf_driver = {
	.probe = hf_probe,
	.remove = hf_remove,
	.driver.name = "holdfast",
	.driver.of_match_table = hf_of_match,
	.driver.suppress_bind_attrs = true,
};

static struct platform_driver *const hf_drivers[] = {
	&hf_driver,
	&hf_service_driver,
};

static int __init hf_init(void)
{
	int ret = class_register(&hf_class);

	if (ret)
		return ret;
	ret = platform_register_drivers(hf_drivers, ARRAY_SIZE(hf_drivers));
	if (ret)
		class_unregister(&hf_class);
	return ret;
}
module_init(hf_init);

static void __exit hf_exit(void)
{
	platform_unregister_drivers(hf_drivers, ARRAY_SIZE(hf_drivers));
	class_unregister(&hf_class);
}
module_exit(hf_exit);

MODULE_DESCRIPTION("Holdfast hypervisor: primary and secondary VMs");
MODULE_AUTHOR("The Holdfast authors");
MODULE_LICENSE("GPL");

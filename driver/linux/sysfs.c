// SPDX-License-Identifier: GPL-2.0-only
/* What /sys/class/holdfast/NAME/ shows of a secondary VM. */

#include <linux/device.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "holdfast.h"

static ssize_t name_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	return sysfs_emit(buf, "%s\n", hf_vm_of(dev)->label);
}
static DEVICE_ATTR_RO(name);

static ssize_t vcpus_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	return sysfs_emit(buf, "%u\n", hf_vm_of(dev)->vcpu_count);
}
static DEVICE_ATTR_RO(vcpus);

static ssize_t state_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	return sysfs_emit(buf, "%s\n", hf_state_text(hf_vm_of(dev)));
}

static const char *const hf_commands[] = {
	[HF_LIFE_STOP] = "stop",
	[HF_LIFE_START] = "start",
	[HF_LIFE_RESTART] = "restart",
};

static ssize_t state_store(struct device *dev, struct device_attribute *attr,
			   const char *buf, size_t size)
{
	int command = sysfs_match_string(hf_commands, buf);
	int ret;

	if (command < 0)
		return command;
	ret = hf_life_command(hf_vm_of(dev), command);
	return ret ? ret : size;
}
static DEVICE_ATTR_RW(state);

static ssize_t reason_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	unsigned int ended = READ_ONCE(hf_vm_of(dev)->ended);

	return sysfs_emit(buf, "%s\n", hf_reason_text(ended));
}
static DEVICE_ATTR_RO(reason);

static ssize_t requests_show(struct device *dev, struct device_attribute *attr,
			     char *buf)
{
	return sysfs_emit(buf, "%llu\n", READ_ONCE(hf_vm_of(dev)->requests));
}
static DEVICE_ATTR_RO(requests);

static ssize_t index_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	return sysfs_emit(buf, "%u\n", hf_vm_of(dev)->index);
}
static DEVICE_ATTR_RO(index);

/* A line for each vCPU: nanoseconds, and exits by code. */
static ssize_t stats_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	struct hf_vm *vm = hf_vm_of(dev);
	int at = 0;
	u32 i, code;

	for (i = 0; i < vm->vcpu_count; i++) {
		struct hf_vcpu *vcpu = &vm->vcpus[i];

		at += sysfs_emit_at(buf, at, "%llu", READ_ONCE(vcpu->run_ns));
		for (code = 0; code < HF_VCPU_CODES; code++)
			at += sysfs_emit_at(buf, at, " %llu",
					    READ_ONCE(vcpu->exits[code]));
		at += sysfs_emit_at(buf, at, "\n");
	}
	return at;
}
static DEVICE_ATTR_RO(stats);

static struct attribute *hf_attrs[] = {
	&dev_attr_name.attr,	 &dev_attr_vcpus.attr,
	&dev_attr_state.attr,	 &dev_attr_reason.attr,
	&dev_attr_requests.attr, &dev_attr_index.attr,
	&dev_attr_stats.attr,	 NULL,
};

static const struct attribute_group hf_group = {
	.attrs = hf_attrs,
};

const struct attribute_group *hf_groups[] = { &hf_group, NULL };

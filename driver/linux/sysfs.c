// SPDX-License-Identifier: GPL-2.0-only
/* What /sys/class/holdfast/NAME/ shows of a secondary VM. */

#include <linux/device.h>
#include <linux/sysfs.h>

#include "holdfast.h"

const char *hf_ended_text(unsigned int ended)
{
	switch (ended) {
	case 0:
		return "none";
	case HF_ABORT_SYSTEM_OFF:
		return "system off";
	case HF_ABORT_SYSTEM_RESET:
		return "system reset";
	case HF_ABORT_MEMORY_ACCESS:
		return "memory access";
	case HF_ABORT_FAULT:
		return "fault";
	case HF_ABORT_STOPPED:
		return "stopped by the primary";
	case HF_ENDED_KILLED:
		return "vCPU thread killed";
	default:
		return "unknown";
	}
}

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
	unsigned int ended = READ_ONCE(hf_vm_of(dev)->ended);

	if (ended == HF_ENDED_KILLED)
		return sysfs_emit(buf, "killed\n");
	return sysfs_emit(buf, "%s\n", ended ? "aborted" : "running");
}
static DEVICE_ATTR_RO(state);

static ssize_t reason_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	unsigned int ended = READ_ONCE(hf_vm_of(dev)->ended);

	return sysfs_emit(buf, "%s\n", hf_ended_text(ended));
}
static DEVICE_ATTR_RO(reason);

static ssize_t requests_show(struct device *dev, struct device_attribute *attr,
			     char *buf)
{
	return sysfs_emit(buf, "%llu\n", READ_ONCE(hf_vm_of(dev)->requests));
}
static DEVICE_ATTR_RO(requests);

static struct attribute *hf_attrs[] = {
	&dev_attr_name.attr,   &dev_attr_vcpus.attr,	&dev_attr_state.attr,
	&dev_attr_reason.attr, &dev_attr_requests.attr, NULL,
};

static const struct attribute_group hf_group = {
	.attrs = hf_attrs,
};

const struct attribute_group *hf_groups[] = { &hf_group, NULL };

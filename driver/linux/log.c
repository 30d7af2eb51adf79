// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/holdfast/log: what the hypervisor printed, as far as it keeps it. A file
 * to read from its oldest byte to its newest, and to be read again for more.
 */

#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "holdfast.h"

/*
 * A position counts the bytes since boot. HF_LOG_READ gives what comes after a
 * position, or after what is lost of it, and the position behind that. No byte
 * of the log is zero; what the call does not fill is.
 */
static ssize_t hf_log_read(struct file *file, char __user *buf, size_t len,
			   loff_t *ppos)
{
	size_t done = 0, size;
	u64 x[4];

	if (len && len < HF_READ_BYTES)
		return -EINVAL;
	while (len - done >= HF_READ_BYTES) {
		x[0] = HF_LOG_READ;
		x[1] = *ppos;
		x[2] = x[3] = 0;
		hf_call_regs(x);
		size = strnlen((const char *)&x[1], HF_READ_BYTES);
		if (!size || (s64)x[0] < 0)
			break;
		if (copy_to_user(buf + done, &x[1], size))
			return done ? done : -EFAULT;
		done += size;
		*ppos = x[0];
	}
	return done;
}

static const struct file_operations hf_log_fops = {
	.owner = THIS_MODULE,
	.open = nonseekable_open,
	.read = hf_log_read,
	.llseek = no_llseek,
};

static struct miscdevice hf_log = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "holdfast-log",
	.nodename = "holdfast/log",
	.mode = 0400,
	.fops = &hf_log_fops,
};

int hf_log_register(struct device *parent)
{
	hf_log.parent = parent;
	return misc_register(&hf_log);
}

void hf_log_unregister(void)
{
	misc_deregister(&hf_log);
}

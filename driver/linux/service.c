// SPDX-License-Identifier: GPL-2.0-only
/*
 * In a secondary VM: /dev/holdfast/primary. read() gives the primary's request,
 * write() sends the reply.
 *
 * The VM has one mailbox, so what is known of the request belongs to the device
 * and not to an opener: a shell can read in one command and write in another. A
 * request is read to its end, then read() says end of file until the reply has
 * been written; a reply that comes before drops the rest.
 */

#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/interrupt.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/of.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "holdfast.h"

/* Between attempts to send a reply that the primary has no room for, in ms. */
#define HF_REPLY_RETRY 1

/* Without an interrupt: between looks for a request, in ms. */
#define HF_REQUEST_RETRY 20

/*
 * What there is of a request.
 * NONE: nothing was received. UNREAD: @size bytes lie in the receive page, of
 * which @offset were read. READ: all of them; the reply is to come.
 */
enum hf_request { HF_REQUEST_NONE, HF_REQUEST_UNREAD, HF_REQUEST_READ };

/* Guards what follows but the queue. Nobody waits for the primary with it held.
 */
static DEFINE_MUTEX(hf_service_lock);
static enum hf_request hf_request;
static size_t hf_request_size;
static size_t hf_request_offset;
static unsigned int hf_service_irqs;
static bool hf_service_has_irq;
static DECLARE_WAIT_QUEUE_HEAD(hf_service_wait);

/* Takes a request if there is one. hf_service_lock is held. */
static void hf_service_fetch(void)
{
	s64 size;

	if (hf_request != HF_REQUEST_NONE)
		return;
	size = hf_call(HF_RPC_READ_REQUEST, 0, 0);
	if (size < 0)
		return;
	hf_request = HF_REQUEST_UNREAD;
	hf_request_size = min_t(s64, size, HF_MAILBOX_SIZE);
	hf_request_offset = 0;
}

/* Copies the request or its next part. hf_service_lock is held. */
static ssize_t hf_service_copy(char __user *buf, size_t len)
{
	len = min(len, hf_request_size - hf_request_offset);
	if (copy_to_user(buf, hf_mailbox_received() + hf_request_offset, len))
		return -EFAULT;
	hf_request_offset += len;
	if (hf_request_offset == hf_request_size)
		hf_request = HF_REQUEST_READ;
	return len;
}

/* Waits for the interrupt after the first @irqs of them. */
static long hf_service_await(unsigned int irqs)
{
	return wait_event_interruptible_timeout(
		hf_service_wait, READ_ONCE(hf_service_irqs) != irqs,
		hf_service_has_irq ? MAX_SCHEDULE_TIMEOUT
				   : msecs_to_jiffies(HF_REQUEST_RETRY));
}

static ssize_t hf_service_read(struct file *file, char __user *buf, size_t len,
			       loff_t *ppos)
{
	unsigned int irqs;
	ssize_t ret;

	if (!len)
		return 0;
	for (;;) {
		irqs = READ_ONCE(hf_service_irqs);
		if (mutex_lock_interruptible(&hf_service_lock))
			return -ERESTARTSYS;
		hf_service_fetch();
		ret = -EAGAIN;
		if (hf_request == HF_REQUEST_READ)
			ret = 0;
		else if (hf_request == HF_REQUEST_UNREAD)
			ret = hf_service_copy(buf, len);
		mutex_unlock(&hf_service_lock);
		if (ret != -EAGAIN || file->f_flags & O_NONBLOCK)
			return ret;
		if (hf_service_await(irqs) < 0)
			return -ERESTARTSYS;
	}
}

/* Tries to send a reply. 0, -EAGAIN if the primary has no room, -ERESTARTSYS.
 */
static int hf_service_try_reply(const void *data, size_t size)
{
	int ret = -EAGAIN;

	if (mutex_lock_interruptible(&hf_service_lock))
		return -ERESTARTSYS;
	if (hf_mailbox_reply(data, size) >= 0) {
		hf_request = HF_REQUEST_NONE;
		ret = 0;
	}
	mutex_unlock(&hf_service_lock);
	return ret;
}

/* Sends a reply as soon as the primary has room. */
static int hf_service_reply(const void *data, size_t size, bool nonblock)
{
	int ret;

	while ((ret = hf_service_try_reply(data, size)) == -EAGAIN &&
	       !nonblock) {
		/* Others may look for a request meanwhile. */
		if (msleep_interruptible(HF_REPLY_RETRY))
			return -ERESTARTSYS;
	}
	return ret;
}

static ssize_t hf_service_write(struct file *file, const char __user *buf,
				size_t len, loff_t *ppos)
{
	void *data;
	int ret;

	if (len > HF_MAILBOX_SIZE)
		return -EMSGSIZE;
	data = memdup_user(buf, len);
	if (IS_ERR(data))
		return PTR_ERR(data);
	ret = hf_service_reply(data, len, file->f_flags & O_NONBLOCK);
	kfree(data);
	return ret ? ret : len;
}

static __poll_t hf_service_poll(struct file *file, poll_table *wait)
{
	__poll_t events = EPOLLOUT | EPOLLWRNORM;

	poll_wait(file, &hf_service_wait, wait);
	mutex_lock(&hf_service_lock);
	hf_service_fetch();
	if (hf_request == HF_REQUEST_UNREAD)
		events |= EPOLLIN | EPOLLRDNORM;
	mutex_unlock(&hf_service_lock);
	return events;
}

static const struct file_operations hf_service_fops = {
	.owner = THIS_MODULE,
	.open = stream_open,
	.read = hf_service_read,
	.write = hf_service_write,
	.poll = hf_service_poll,
	.llseek = no_llseek,
};

static struct miscdevice hf_service = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "holdfast-primary",
	.nodename = "holdfast/primary",
	.mode = 0600,
	.fops = &hf_service_fops,
};

/* A request is pending. */
static irqreturn_t hf_service_irq(int irq, void *data)
{
	WRITE_ONCE(hf_service_irqs, hf_service_irqs + 1);
	wake_up_all(&hf_service_wait);
	return IRQ_HANDLED;
}

static int hf_service_probe(struct platform_device *pdev)
{
	int irq = platform_get_irq_optional(pdev, 0);
	int ret = hf_mailbox_init(pdev->dev.of_node);

	if (ret)
		return ret;
	hf_service_has_irq = irq > 0;
	if (hf_service_has_irq) {
		ret = devm_request_irq(&pdev->dev, irq, hf_service_irq, 0,
				       "holdfast", NULL);
		if (ret)
			return ret;
	}
	hf_service.parent = &pdev->dev;
	return misc_register(&hf_service);
}

static int hf_service_remove(struct platform_device *pdev)
{
	misc_deregister(&hf_service);
	return 0;
}

static const struct of_device_id hf_service_match[] = {
	{ .compatible = "holdfast,hypervisor-vm" }, {}, /* the end */
};
MODULE_DEVICE_TABLE(of, hf_service_match);

struct platform_driver hf_service_driver = {
	.probe = hf_service_probe,
	.remove = hf_service_remove,
	.driver.name = "holdfast-service",
	.driver.of_match_table = hf_service_match,
	.driver.suppress_bind_attrs = true,
};

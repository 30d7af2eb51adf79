// SPDX-License-Identifier: GPL-2.0-only
/*
 * The console of a secondary VM as a tty, /dev/ttyHF<index>.
 *
 * What the VM prints is fetched from the hypervisor when HF_VCPU_RUN tells of
 * it, and kept in a ring. While nobody has the tty open, the ring keeps the
 * newest output: who opens it sees how the VM booted. While it is open nothing
 * is lost: if its reader does not keep up the ring fills, then the hypervisor's
 * does, and then a vCPU that prints waits.
 *
 * What is written to the tty goes to its FIFO and from there to the hypervisor,
 * as far as that has room; also after the tty was closed.
 */

#include <linux/err.h>
#include <linux/kfifo.h>
#include <linux/mutex.h>
#include <linux/serial.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/tty.h>
#include <linux/tty_driver.h>
#include <linux/tty_flip.h>

#include "holdfast.h"

/* How long what could not be passed on waits for the next attempt. */
#define HF_CONSOLE_RETRY (10 * NSEC_PER_MSEC)

static struct tty_driver *hf_tty_driver;

/* Guards the ports of tty drivers: a VM that goes has none. */
static DEFINE_MUTEX(hf_ports_lock);

static struct hf_vm *hf_vm_of_port(struct tty_port *port)
{
	return container_of(port, struct hf_vm, console.port);
}

/* Keeps output. If it is more than fits the oldest goes. */
static void hf_ring_put(struct hf_console *console, const void *data, u32 size)
{
	u32 at = console->head % HF_CONSOLE_RING;
	u32 first = min(size, HF_CONSOLE_RING - at);

	memcpy(console->ring + at, data, first);
	memcpy(console->ring, data + first, size - first);
	console->head += size;
	if (console->head - console->tail > HF_CONSOLE_RING)
		console->tail = console->head - HF_CONSOLE_RING;
}

/*
 * Fetches output until there is none, or no room for it, or enough of it: the
 * VM may write on while interrupts are disabled here. True if there was some.
 */
static bool hf_console_fetch(struct hf_vm *vm)
{
	const u32 limit = HF_CONSOLE_RING - HF_READ_BYTES;
	struct hf_console *console = &vm->console;
	unsigned int reads = 0;
	u64 x[4];

	do {
		console->full =
			console->open && console->head - console->tail > limit;
		if (console->full)
			break;
		x[0] = HF_CONSOLE_READ;
		x[1] = vm->index;
		x[2] = x[3] = 0;
		hf_call_regs(x);
		/* x1 to x3 are, in memory, the bytes in their order. */
		if ((s64)x[0] > 0)
			hf_ring_put(console, &x[1],
				    min_t(u64, x[0], HF_READ_BYTES));
	} while ((s64)x[0] > 0 && ++reads < HF_CONSOLE_READS);
	console->more = reads == HF_CONSOLE_READS;
	return reads > 0;
}

/* Gives output to the tty. True if it took some. */
static bool hf_console_show(struct hf_console *console)
{
	bool some = false;
	u32 at, size;

	while (console->open && !console->throttled &&
	       console->head != console->tail) {
		at = console->tail % HF_CONSOLE_RING;
		size = min(console->head - console->tail, HF_CONSOLE_RING - at);
		size = tty_insert_flip_string(&console->port,
					      console->ring + at, size);
		if (!size)
			break;
		console->tail += size;
		some = true;
	}
	return some;
}

/* Gives input to the VM. True if it took some. */
static bool hf_console_feed(struct hf_vm *vm)
{
	struct tty_port *port = &vm->console.port;
	bool some = false;
	u64 x[4];
	u32 size;

	while (!kfifo_is_empty(&port->xmit_fifo)) {
		memset(x, 0, sizeof(x));
		size = kfifo_out_peek(&port->xmit_fifo, (u8 *)&x[2],
				      HF_WRITE_BYTES);
		x[0] = HF_CONSOLE_WRITE;
		x[1] = vm->index | (u64)size << HF_WRITE_COUNT_SHIFT;
		hf_call_regs(x);
		if ((s64)x[0] < 0) {
			/* Nobody is there to read it. */
			kfifo_reset(&port->xmit_fifo);
			break;
		}
		if (!x[0])
			break;
		while (x[0]--)
			kfifo_skip(&port->xmit_fifo);
		some = true;
	}
	return some;
}

/* Moves what can be moved, both ways. True if the VM took input. */
static bool hf_console_move(struct hf_vm *vm)
{
	struct hf_console *console = &vm->console;
	bool shown = false, fetched = false, fed;
	unsigned long flags;

	spin_lock_irqsave(&console->lock, flags);
	do {
		fetched |= hf_console_fetch(vm);
		if (!hf_console_show(console))
			break;
		shown = true;
	} while (console->full && !console->more);
	fed = hf_console_feed(vm);
	WRITE_ONCE(console->left,
		   console->more || !kfifo_is_empty(&console->port.xmit_fifo) ||
			   (console->open && console->head != console->tail));
	spin_unlock_irqrestore(&console->lock, flags);

	if (shown)
		tty_flip_buffer_push(&console->port);
	/* It has room for output again, which it may be waiting for, or input.
	 */
	if (fetched || fed)
		hf_vm_wake(vm);
	return fed;
}

ktime_t hf_console_service(struct hf_vm *vm)
{
	if (hf_console_move(vm))
		tty_port_tty_wakeup(&vm->console.port);
	return READ_ONCE(vm->console.left) ? HF_CONSOLE_RETRY : KTIME_MAX;
}

static int hf_tty_activate(struct tty_port *port, struct tty_struct *tty)
{
	struct hf_vm *vm = hf_vm_of_port(port);

	spin_lock_irq(&vm->console.lock);
	vm->console.open = true;
	vm->console.throttled = false;
	spin_unlock_irq(&vm->console.lock);
	hf_console_service(vm);
	return 0;
}

static void hf_tty_shutdown(struct tty_port *port)
{
	struct hf_vm *vm = hf_vm_of_port(port);

	spin_lock_irq(&vm->console.lock);
	vm->console.open = false;
	spin_unlock_irq(&vm->console.lock);
	hf_console_service(vm);
}

static const struct tty_port_operations hf_tty_port_ops = {
	.activate = hf_tty_activate,
	.shutdown = hf_tty_shutdown,
};

/* A tty keeps the VM: it may be open longer than its device is there. */
static int hf_tty_install(struct tty_driver *driver, struct tty_struct *tty)
{
	struct tty_port *port;
	int ret;

	mutex_lock(&hf_ports_lock);
	port = driver->ports[tty->index];
	if (port)
		get_device(&hf_vm_of_port(port)->dev);
	mutex_unlock(&hf_ports_lock);
	if (!port)
		return -ENODEV;
	ret = tty_port_install(port, driver, tty);
	if (ret)
		put_device(&hf_vm_of_port(port)->dev);
	return ret;
}

static void hf_tty_cleanup(struct tty_struct *tty)
{
	put_device(&hf_vm_of_port(tty->port)->dev);
}

static int hf_tty_open(struct tty_struct *tty, struct file *file)
{
	return tty_port_open(tty->port, tty, file);
}

static void hf_tty_close(struct tty_struct *tty, struct file *file)
{
	tty_port_close(tty->port, tty, file);
}

static void hf_tty_hangup(struct tty_struct *tty)
{
	tty_port_hangup(tty->port);
}

static int hf_tty_write(struct tty_struct *tty, const unsigned char *data,
			int size)
{
	struct hf_vm *vm = hf_vm_of_port(tty->port);

	size = kfifo_in_spinlocked(&tty->port->xmit_fifo, data, size,
				   &vm->console.lock);
	hf_console_move(vm);
	return size;
}

static unsigned int hf_tty_write_room(struct tty_struct *tty)
{
	return kfifo_avail(&tty->port->xmit_fifo);
}

static unsigned int hf_tty_chars_in_buffer(struct tty_struct *tty)
{
	return kfifo_len(&tty->port->xmit_fifo);
}

static void hf_tty_flush_buffer(struct tty_struct *tty)
{
	struct hf_vm *vm = hf_vm_of_port(tty->port);
	unsigned long flags;

	spin_lock_irqsave(&vm->console.lock, flags);
	kfifo_reset(&tty->port->xmit_fifo);
	spin_unlock_irqrestore(&vm->console.lock, flags);
	tty_wakeup(tty);
}

static void hf_tty_set_throttled(struct tty_struct *tty, bool throttled)
{
	struct hf_vm *vm = hf_vm_of_port(tty->port);
	unsigned long flags;

	spin_lock_irqsave(&vm->console.lock, flags);
	vm->console.throttled = throttled;
	spin_unlock_irqrestore(&vm->console.lock, flags);
}

static void hf_tty_throttle(struct tty_struct *tty)
{
	hf_tty_set_throttled(tty, true);
}

static void hf_tty_unthrottle(struct tty_struct *tty)
{
	hf_tty_set_throttled(tty, false);
	hf_console_service(hf_vm_of_port(tty->port));
}

static const struct tty_operations hf_tty_ops = {
	.install = hf_tty_install,
	.cleanup = hf_tty_cleanup,
	.open = hf_tty_open,
	.close = hf_tty_close,
	.hangup = hf_tty_hangup,
	.write = hf_tty_write,
	.write_room = hf_tty_write_room,
	.chars_in_buffer = hf_tty_chars_in_buffer,
	.flush_buffer = hf_tty_flush_buffer,
	.throttle = hf_tty_throttle,
	.unthrottle = hf_tty_unthrottle,
};

int hf_console_init(struct hf_vm *vm)
{
	struct hf_console *console = &vm->console;

	console->ring = kmalloc(HF_CONSOLE_RING, GFP_KERNEL);
	if (!console->ring)
		return -ENOMEM;
	return tty_port_alloc_xmit_buf(&console->port);
}

void hf_console_prepare(struct hf_vm *vm)
{
	spin_lock_init(&vm->console.lock);
	tty_port_init(&vm->console.port);
	vm->console.port.ops = &hf_tty_port_ops;
	/* What was written is delivered after the close, too. */
	vm->console.port.closing_wait = ASYNC_CLOSING_WAIT_NONE;
}

void hf_console_free(struct hf_vm *vm)
{
	tty_port_free_xmit_buf(&vm->console.port);
	kfree(vm->console.ring);
	tty_port_destroy(&vm->console.port);
}

int hf_console_add(struct hf_vm *vm)
{
	struct device *dev = tty_port_register_device(
		&vm->console.port, hf_tty_driver, vm->index, &vm->dev);

	vm->console.registered = !IS_ERR(dev);
	return PTR_ERR_OR_ZERO(dev);
}

void hf_console_del(struct hf_vm *vm)
{
	struct tty_port *port = &vm->console.port;

	if (!vm->console.registered)
		return;
	tty_port_unregister_device(port, hf_tty_driver, vm->index);
	mutex_lock(&hf_ports_lock);
	hf_tty_driver->ports[vm->index] = NULL;
	mutex_unlock(&hf_ports_lock);
	tty_port_tty_hangup(port, false);
}

/* A terminal is at the other end: nothing is to be changed on the way. */
static void hf_tty_set_raw(struct ktermios *termios)
{
	*termios = tty_std_termios;
	termios->c_iflag = 0;
	termios->c_oflag = 0;
	termios->c_lflag = 0;
	termios->c_cflag = B38400 | CS8 | CREAD | CLOCAL;
}

int hf_console_register(u32 count)
{
	struct tty_driver *driver;
	int ret;

	driver = tty_alloc_driver(count, TTY_DRIVER_RESET_TERMIOS |
						 TTY_DRIVER_REAL_RAW |
						 TTY_DRIVER_DYNAMIC_DEV);
	if (IS_ERR(driver))
		return PTR_ERR(driver);
	driver->driver_name = "holdfast";
	driver->name = "ttyHF";
	driver->type = TTY_DRIVER_TYPE_SERIAL;
	driver->subtype = SERIAL_TYPE_NORMAL;
	hf_tty_set_raw(&driver->init_termios);
	tty_set_operations(driver, &hf_tty_ops);
	ret = tty_register_driver(driver);
	if (ret)
		tty_driver_kref_put(driver);
	else
		hf_tty_driver = driver;
	return ret;
}

void hf_console_unregister(void)
{
	tty_unregister_driver(hf_tty_driver);
	tty_driver_kref_put(hf_tty_driver);
}

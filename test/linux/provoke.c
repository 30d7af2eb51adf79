// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
/*
 * Has functions of the kernel, or of its modules, be late or fail, so that
 * tests get to what would else take luck.
 *
 *	insmod provoke.ko symbol=NAME,... [delay=MS,...] [error=ERRNO,...]
 *		[nth=N,...] [comm=PREFIX,...]
 *
 * A call of function `symbol` begins `delay` milliseconds late; with `error`,
 *it does nothing but return that. With `nth` only the call of that number does
 *so, with `comm` only calls by threads whose name begins so are meant.
 */

#include <linux/atomic.h>
#include <linux/kprobes.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <linux/string.h>

#define SYMBOLS 3

static char *symbol[SYMBOLS];
static unsigned int symbol_count;
static unsigned int delay[SYMBOLS];
static int error[SYMBOLS];
static unsigned int nth[SYMBOLS];
static char *comm[SYMBOLS];
module_param_array(symbol, charp, &symbol_count, 0);
module_param_array(delay, uint, NULL, 0);
module_param_array(error, int, NULL, 0);
module_param_array(nth, uint, NULL, 0);
module_param_array(comm, charp, NULL, 0);

static struct kprobe probes[SYMBOLS];
static atomic_t calls[SYMBOLS];

static int provoke(struct kprobe *probe, struct pt_regs *regs)
{
	long i = probe - probes;
	ktime_t end;

	if (comm[i] && strncmp(current->comm, comm[i], strlen(comm[i])))
		return 0;
	if (nth[i] && atomic_inc_return(&calls[i]) != nth[i])
		return 0;
	/* By the clock: mdelay() would count what the host has time for. */
	end = ktime_add_ms(ktime_get(), delay[i]);
	while (ktime_before(ktime_get(), end))
		cpu_relax();
	if (!error[i])
		return 0;
	/* Back to the caller; 1: the function is not to be entered. */
	regs_set_return_value(regs, error[i]);
	instruction_pointer_set(regs, procedure_link_pointer(regs));
	return 1;
}

static void remove_probes(unsigned int count)
{
	while (count--)
		unregister_kprobe(&probes[count]);
}

static int __init provoke_init(void)
{
	unsigned int i;
	int ret;

	for (i = 0; i < symbol_count; i++) {
		probes[i].symbol_name = symbol[i];
		probes[i].pre_handler = provoke;
		ret = register_kprobe(&probes[i]);
		if (ret) {
			remove_probes(i);
			return ret;
		}
	}
	return 0;
}
module_init(provoke_init);

static void __exit provoke_exit(void)
{
	remove_probes(symbol_count);
}
module_exit(provoke_exit);

MODULE_DESCRIPTION("Holdfast's tests: provokes delays and failures");
MODULE_AUTHOR("The Holdfast authors");
MODULE_LICENSE("Dual BSD/GPL");

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The attackers. A row is
 *
 *	A(name, how, hazard, "what it tries", "what must happen")
 *
 * with the hazard's number in docs/hazards.md. Whatever a row says: the victim
 * has its secret in memory and registers, and goes on; the hypervisor answers
 * as before; the primary's registers survive each run of the attacker.
 */
#ifndef ATTACKS_H
#define ATTACKS_H

/* clang-format off */

/* How the primary attacks: on CPU 0, or on all CPUs but the victim's. */
#define FOR_PRIMARY_ATTACKS(A)						\
	A(configure_hidden_race, TOGETHER, 15,	\
	  "offers hidden pages as its mailbox while CPU 0 offers its own", \
	  "its own pages become the mailbox, all others are refused")	\
	A(message_rewritten, TOGETHER, 20,		\
	  "writes the send page while another CPU sends it",		\
	  "what the victim has received does not change any more")	\
	A(request_edges, TOGETHER, 17,			\
	  "sends messages of sizes at each edge, all CPUs at once",	\
	  "too large is refused; not a byte behind `size` is written")	\
	A(run_storm, TOGETHER, 1,				\
	  "runs all vCPUs of all VMs, and those there are not, at once", \
	  "each runs on one CPU at a time, its registers whole")	\
	A(vcpu_over_dying_cpus, ALONE, 11,	\
	  "runs the victim on CPUs that go off and come back",		\
	  "CPUs come back, the victim has its registers")		\
	A(cpu_on_hidden, ALONE, 11,			\
	  "CPU_ON with entries in hidden memory, devices, unaligned, wrapped", \
	  "refused; no CPU comes up")					\
	A(hidden_by_all_sizes, TOGETHER, 33,	\
	  "maps hidden memory by every page size and memory type",	\
	  "an external abort for each load, store, and fetch")		\
	A(walk_through_hidden, TOGETHER, 27,	\
	  "has stage-1 tables in hidden memory, access flags set by the CPU", \
	  "an external abort of the walk; nothing is written")		\
	A(address_translation, TOGETHER, 33,	\
	  "asks AT for addresses whose tables are hidden, reads PAR_EL1", \
	  "no output address, whatever is there")			\
	A(entry_flipped, TOGETHER, 14,			\
	  "flips a table entry between own and hidden memory, no TLBI",	\
	  "its own data, or an external abort")				\
	A(cache_maintenance_hidden, TOGETHER, 24, \
	  "cleans and invalidates hidden memory by address and set/way", \
	  "no line of the victim's is lost")				\
	A(straddle_hidden, TOGETHER, 26,		\
	  "accesses with one half in its last bytes, one in hidden memory", \
	  "an external abort; the address told is its own access's")	\
	A(fetch_into_hidden, TOGETHER, 27,		\
	  "executes its last word, and goes on into hidden memory",	\
	  "an external abort of the fetch, there")			\
	A(gic_private_taken, TOGETHER, 28,		\
	  "disables, pends and activates the hypervisor's timer interrupt", \
	  "its own deadline brings it back all the same")		\
	A(fiq_storm, TOGETHER, 27,				\
	  "makes interrupts FIQs, and runs the victim with them pending", \
	  "each RUN comes back; no FIQ ends at EL2")			\
	A(sgi_storm, TOGETHER, 4,				\
	  "sends SGIs, that of the hypervisor too, to all CPUs",	\
	  "interrupted runs are told as such, no more")			\
	A(redistributor_asleep, TOGETHER, 33,	\
	  "puts its redistributor to sleep, and runs the victim",	\
	  "it wakes up again")						\
	A(lpi_tables_race, TOGETHER, 33,		\
	  "swaps LPI tables for hidden ones while another CPU enables them", \
	  "what is enabled uses its own memory")			\
	A(its_commands_race, TOGETHER, 20,		\
	  "rewrites ITS commands while they are taken, ITTs hidden",	\
	  "no ITT in hidden memory; the ITS comes to its end")		\
	A(timer_games, TOGETHER, 28,			\
	  "runs the victim with timers at 0, never, flipping, masked",	\
	  "each RUN comes back at the first deadline, timers as they were") \
	A(counters_spy, TOGETHER, 24,			\
	  "lets event and cycle counters count EL2 and the victim",	\
	  "they stand still meanwhile")					\
	A(log_flood, TOGETHER, 30,				\
	  "does all that is refused with a line, again and again",	\
	  "a few lines")						\
	A(options_flipped, TOGETHER, 19,		\
	  "changes options while it runs VMs that wait in a read",	\
	  "one of the two codes for it, no other")			\
	A(results_tell_nothing, TOGETHER, 23,	\
	  "looks at all registers behind calls that fail",		\
	  "x0 is the error, x1-x3 are 0, others are its own")		\
	A(translations_flushed, TOGETHER, 8,	\
	  "executes every TLBI there is, those of EL2 and EL3 as well",	\
	  "of EL2 and EL3: undefined")					\
	A(el2_registers, TOGETHER, 24,			\
	  "writes what it would like to EL2's registers",		\
	  "undefined, nothing changes")					\
	A(returns_to_el2, TOGETHER, 27,			\
	  "ERET to EL2, EL3 and AArch32 modes, with any flags",		\
	  "an illegal-state exception of its own")			\
	A(control_garbage, TOGETHER, 22,		\
	  "calls with garbage in SCTLR, TCR, TTBR, MAIR, VBAR, CPACR",	\
	  "answers as ever, registers as it left them")			\
	A(smc_numbers, TOGETHER, 21,			\
	  "SMCs of all owners and kinds, around the numbers that exist", \
	  "-1 but for those of the list")				\
	A(hvc_immediates, TOGETHER, 13,			\
	  "HVC with thousands of immediates, other ones in each run",				\
	  "-1")								\
	A(console_lives, TOGETHER, 40,			\
	  "reads and writes a console while its VM stops and starts",	\
	  "no CPU waits for ever; the VM lives")			\
	A(random_calls, TOGETHER, 13,			\
	  "calls of random numbers and arguments, all CPUs at once",	\
	  "no other VM notices")					\
	A(hidden_features, TOGETHER, 25,		\
	  "executes SVE, SME and other features that are hidden",	\
	  "undefined")							\
	A(debug_armed, TOGETHER, 29,			\
	  "arms breakpoints and watchpoints of all levels over everything", \
	  "no debug exception at EL2 or in the victim")			\
	A(abort_loop, ALONE, 27,				\
	  "vectors in hidden memory: a CPU that faults for ever",	\
	  "all others go on; no line in the log")

/*
 * How a secondary's attack ends: it SURVIVES and tells, it is stopped for an
 * access to MEMORY, it turned itself OFF, it SPINS until nobody runs it, or
 * ANYTHING of these.
 */
#define FOR_SECONDARY_ATTACKS(A)					\
	A(sgi_registers, SURVIVES, 24,			\
	  "sends SGIs of both groups to all affinities",		\
	  "its own vCPUs get them, if any; the primary gets none")				\
	A(gic_interface, SURVIVES, 24,			\
	  "acknowledges, ends, deactivates and masks interrupts",	\
	  "its own at most; the primary's go on")				\
	A(gic_frames, SURVIVES, 24,			\
	  "reads and writes any register of its GIC, on all vCPUs at once", \
	  "its own; the primary's interrupts go on")			\
	A(sgi_between_vcpus, SURVIVES, 4,		\
	  "vCPUs that mask interrupts send each other SGIs without end", \
	  "the primary's timer brings it back in time")			\
	A(uart_storm, SURVIVES, 41,			\
	  "reads and writes any register of its UART, on all vCPUs at once", \
	  "some lines of output")					\
	A(primary_timers, SURVIVES, 24,			\
	  "programs the physical timers of EL1, EL2 and EL3",		\
	  "its own, or ignored, or undefined; the primary's deadline holds")		\
	A(counters_read, SURVIVES, 24,			\
	  "reads and programs performance monitors beside the victim",	\
	  "they read zero")						\
	A(waits_storm, SURVIVES, 26,			\
	  "WFI, WFE, SEV, YIELD, with and without a time, any timer",	\
	  "each ends, or the primary has the CPU")			\
	A(timer_storm, SURVIVES, 28,			\
	  "lets its timer fire for ever: 0, past, all ones, flipping masks", \
	  "it goes on, so does the primary")				\
	A(cpu_on_wild, SURVIVES, 11,			\
	  "CPU_ON of any CPU at any entry, while vCPUs come and go",	\
	  "errors; its own vCPUs only")					\
	A(reply_storm, SURVIVES, 17,			\
	  "all vCPUs reply and acknowledge at once, with any size",	\
	  "the primary's page is written up to `size`")			\
	A(fp_across_waits, SURVIVES, 22,		\
	  "looks for others' FP registers behind waits, traps on and off", \
	  "its own values on each vCPU")				\
	A(stale_memory, SURVIVES, 34,			\
	  "reads its memory by other memory types, and around the caches", \
	  "zeros, or what it wrote")					\
	A(oracles_outside, SURVIVES, 33,		\
	  "AT and prefetches of addresses that it does not have",	\
	  "its own stage 1 in PAR_EL1, no stop, no difference")		\
	A(mailbox_aliased, SURVIVES, 20,		\
	  "rewrites its send page by another alias while it replies",	\
	  "one size, one message, nothing behind it")			\
	A(results_tell_nothing, SURVIVES, 23,	\
	  "looks at all registers behind calls that fail",		\
	  "x0 is the error, x1-x3 are 0, others are its own")		\
	A(translations_flushed, SURVIVES, 8,	\
	  "executes every TLBI there is, those of EL2 and EL3 as well",	\
	  "of EL2 and EL3: undefined")					\
	A(el2_registers, SURVIVES, 24,			\
	  "writes what it would like to EL2's registers",		\
	  "undefined, nothing changes")					\
	A(returns_to_el2, SURVIVES, 27,		\
	  "ERET to EL2, EL3 and AArch32 modes, with any flags",		\
	  "an illegal-state exception of its own")			\
	A(control_garbage, SURVIVES, 22,		\
	  "calls with garbage in SCTLR, TCR, TTBR, MAIR, VBAR, CPACR",	\
	  "answers as ever, registers as it left them")			\
	A(set_way, SURVIVES, 24,				\
	  "cache maintenance by set/way, of all sets and levels",	\
	  "ignored")							\
	A(smc_numbers, SURVIVES, 21,			\
	  "SMCs of all owners and kinds, PSCI too",			\
	  "-1, and nothing of it happens")				\
	A(hvc_immediates, SURVIVES, 13,		\
	  "HVC with thousands of immediates, other ones in each run",				\
	  "-1")								\
	A(random_calls, SURVIVES, 13,			\
	  "calls of random numbers and arguments, all vCPUs at once",	\
	  "no other VM notices")					\
	A(hidden_features, SURVIVES, 25,		\
	  "executes SVE, SME and other features that are hidden",	\
	  "undefined")							\
	A(debug_armed, SURVIVES, 29,			\
	  "arms breakpoints and watchpoints of all levels over everything", \
	  "ignored")							\
	A(vectors_nowhere, SPINS, 27,			\
	  "vectors where stage 1 has nothing: it faults for ever",	\
	  "an interrupt brings the primary back")			\
	A(masked_for_ever, SPINS, 4,			\
	  "masks all it can mask, and spins",				\
	  "an interrupt brings the primary back")			\
	A(illegal_for_ever, SPINS, 27,		\
	  "a handler of illegal returns that makes illegal returns",	\
	  "an interrupt brings the primary back")			\
	A(vectors_outside, MEMORY, 27,			\
	  "vectors beyond its memory, then an exception",		\
	  "it is stopped")						\
	A(tables_outside, MEMORY, 27,			\
	  "TTBR0_EL1 beyond its memory",				\
	  "it is stopped")						\
	A(walk_outside, MEMORY, 27,			\
	  "AT through a table beyond its memory",			\
	  "it is stopped")						\
	A(block_outside, MEMORY, 14,			\
	  "a block of 1 GiB, executable, around its memory",		\
	  "it is stopped where its memory ends")			\
	A(straddle_end, MEMORY, 26,			\
	  "a pair with one half behind its memory, at once on all vCPUs", \
	  "it is stopped")						\
	A(stack_outside, MEMORY, 27,			\
	  "a stack beyond its memory, then an exception",		\
	  "it is stopped")						\
	A(fetch_off_end, MEMORY, 27,			\
	  "executes its last word, and goes on",			\
	  "it is stopped")						\
	A(el0_device, MEMORY, 33,				\
	  "EL0 reads the board's GIC while others call",		\
	  "it is stopped")						\
	A(mailbox_is_table, MEMORY, 15,		\
	  "its receive page is a page table, the primary sends entries", \
	  "it reaches no more than before, and is stopped")		\
	A(off_while_running, OFF, 8,			\
	  "SYSTEM_OFF of a vCPU while others write and fetch",		\
	  "all of them end, none runs again")				\
	A(gic_any_access, ANYTHING, 26,		\
	  "accesses to its GIC of any width, aligned or not",		\
	  "whatever becomes of it stays in it")				\
	A(random_words, ANYTHING, 24,			\
	  "executes random words, most of them system instructions",	\
	  "whatever becomes of it stays in it")

/* clang-format on */

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* From start.S to guest_main(). */
#include "boot.h"
#include "console.h"
#include "dt.h"
#include "gic.h"
#include "guest.h"
#include "mmu.h"
#include "smccc.h"
#include "smp.h"

struct boot_state boot_state;

/* Called by start.S, MMU off. */
_Noreturn void guest_boot(const void *device_tree);

void guest_boot(const void *device_tree)
{
	dt_init(device_tree);
	psci_init();
	console_init();
	mmu_init();
	mmu_enable();
	smp_init();
	/* A secondary that never uses its own is another case to test. */
	if (!dt_compatible(dt_node("/"), "holdfast,vm"))
		gic_init();
	gic_init_cpu();
	guest_main();
	psci_system_off();
}

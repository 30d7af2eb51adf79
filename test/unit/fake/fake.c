/* SPDX-License-Identifier: BSD-3-Clause */
#include "fake.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "api.h"
#include "life.h"
#include "log.h"
#include "pool.h"

struct fake fake;

/* The CPU that this thread is, and the registers in each CPU. */
static _Thread_local struct cpu *this_cpu;
static uint64_t live[MAX_CPUS][FAKE_REGS];

#define POISON UINT64_C(0xdeadc0dedeadc0de)

/* Something that no test may see happen, on any thread. */
static _Noreturn void die(const char *what)
{
	printf("not ok fake: %s\n", what);
	fflush(stdout);
	abort();
}

static void at(enum fake_point point, void *object)
{
	if (fake.at)
		fake.at(point, object);
}

static _Noreturn void end(enum fake_end how)
{
	if (!fake.end_expected) {
		printf("%s\n", fake.output);
		die("the hypervisor stopped");
	}
	longjmp(fake.end, how);
}

enum fake_end fake_run(void (*code)(void))
{
	enum fake_end how;

	fake.end_expected = true;
	how = (enum fake_end)setjmp(fake.end);
	if (how == FAKE_RETURNED)
		code();
	fake.end_expected = false;
	return how;
}

/* --- page-table entries: fields as on hardware, at other places --- */

#define PTE_VALID UINT64_C(1)
#define PTE_TABLE UINT64_C(2) /* table, or page at level 3 */
#define PTE_STAGE_SHIFT 2
#define PTE_MODE_SHIFT 4
#define PTE_MODE_MASK 0xf
#define PTE_ADDRESS UINT64_C(0x0000fffffffff000)
#define PTE_OWNER_SHIFT 5
/* The level that a leaf was made for, so that it can be checked. */
#define PTE_LEVEL_SHIFT 56

uint64_t arch_pte_leaf(enum mm_stage stage, unsigned int level, paddr_t pa,
		       unsigned int mode)
{
	uint64_t pte = pa.pa | PTE_VALID | (uint64_t)level << PTE_LEVEL_SHIFT;

	if (level == PT_LEAF_LEVEL)
		pte |= PTE_TABLE;
	return pte | (uint64_t)stage << PTE_STAGE_SHIFT |
	       (uint64_t)mode << PTE_MODE_SHIFT;
}

uint64_t arch_pte_table(paddr_t table)
{
	return table.pa | PTE_VALID | PTE_TABLE;
}

uint64_t arch_pte_absent(enum mm_owner owner)
{
	return (uint64_t)owner << PTE_OWNER_SHIFT;
}

bool arch_pte_is_table(uint64_t pte, unsigned int level)
{
	return level < PT_LEAF_LEVEL &&
	       (pte & (PTE_VALID | PTE_TABLE)) == (PTE_VALID | PTE_TABLE);
}

bool arch_pte_is_absent(uint64_t pte)
{
	return !(pte & PTE_VALID);
}

paddr_t arch_pte_pa(uint64_t pte)
{
	return paddr(pte & PTE_ADDRESS);
}

enum mm_owner arch_pte_owner(uint64_t pte)
{
	return (enum mm_owner)(pte >> PTE_OWNER_SHIFT);
}

unsigned int arch_pte_mode(enum mm_stage stage, uint64_t pte)
{
	if ((pte >> PTE_STAGE_SHIFT & 3) != (uint64_t)stage)
		die("an entry is read as one of the other stage");
	return (unsigned int)(pte >> PTE_MODE_SHIFT) & PTE_MODE_MASK;
}

static void check_leaf(uint64_t pte, unsigned int level)
{
	uint64_t pa = arch_pte_pa(pte).pa;

	if (level == 0)
		die("a block at level 0");
	if (!is_aligned(pa, (uint64_t)1 << pt_shift(level)))
		die("a block at an unaligned address");
	if (pte >> PTE_LEVEL_SHIFT != level)
		die("a block entry made for another level");
	if (level == PT_LEAF_LEVEL && !(pte & PTE_TABLE))
		die("a block at level 3");
}

static size_t check_entries(const uint64_t *table, size_t count,
			    unsigned int level)
{
	size_t pages = 0;

	for (size_t i = 0; i < count; i++) {
		if (arch_pte_is_table(table[i], level))
			pages +=
				1 + check_entries(
					    phys_to_virt(arch_pte_pa(table[i])),
					    PT_ENTRIES, level + 1);
		else if (!arch_pte_is_absent(table[i]))
			check_leaf(table[i], level);
	}
	return pages;
}

size_t fake_check_ptable(const struct ptable *t)
{
	return check_entries(t->root, (size_t)t->root_pages * PT_ENTRIES,
			     t->level);
}

void arch_pt_sync(void)
{
	__atomic_fetch_add(&fake.pt_syncs, 1, __ATOMIC_RELAXED);
}

void arch_stage2_geometry(uint8_t *level, uint8_t *root_pages,
			  uint8_t *input_bits)
{
	*level = fake.level;
	*root_pages = fake.root_pages;
	*input_bits = fake.input_bits;
}

/* --- memory --- */

void *arch_boot_map(paddr_t pa, uint64_t size, unsigned int mode)
{
	(void)mode;
	if (size > fake.boot_map_limit)
		return NULL;
	fake.boot_maps++;
	return fake_ram(pa.pa);
}

void arch_boot_unmap_all(void)
{
	fake.boot_maps = 0;
}

void *arch_map_slots(unsigned int slot, paddr_t pa, uint64_t size,
		     unsigned int mode)
{
	for (uint64_t at = 0; at < size; at += PAGE_SIZE, slot++) {
		if (slot >= SLOT_COUNT)
			die("no such slot");
		if (slot >= SLOT_LOAD_TO && fake.slot[slot].pa)
			die("a slot is used twice");
		fake.slot[slot].pa = pa.pa + at;
		fake.slot[slot].mode = mode;
		fake.slot[slot].maps++;
	}
	return fake_ram(pa.pa);
}

void *arch_map_slot(unsigned int slot, paddr_t pa, unsigned int mode)
{
	return arch_map_slots(slot, pa, PAGE_SIZE, mode);
}

void arch_unmap_slots(unsigned int slot, uint64_t size)
{
	for (uint64_t at = 0; at < size; at += PAGE_SIZE, slot++) {
		if (slot >= SLOT_COUNT)
			die("no such slot");
		fake.slot[slot].pa = 0;
		fake.slot[slot].mode = 0;
	}
}

void arch_clean_to_memory(const void *p, size_t size)
{
	fake.cleans++;
	if (fake.clean)
		fake.clean(p, size);
}

void arch_sync_instructions(void)
{
	fake.instruction_syncs++;
}

bool arch_prepare_wipe(paddr_t pa, uint64_t size)
{
	return pa.pa && size && !fake.no_wipe_tables;
}

void arch_wipe(paddr_t pa, uint64_t size)
{
	if (!size)
		die("nothing is wiped");
	memset(fake_ram(pa.pa), 0, size);
}

void arch_copy(void *to, const void *from, uint64_t size)
{
	memcpy(to, from, size);
}

void arch_boot_copy(void *to, const void *from, size_t size)
{
	memcpy(to, from, size);
}

void arch_zero_pages(void *p, size_t size)
{
	if (!is_aligned((uintptr_t)p | size, PAGE_SIZE))
		die("what is zeroed is not pages");
	memset(p, 0, size);
	fake.zeroed++;
}

/* --- CPUs --- */

void arch_relax(void)
{
	static _Thread_local unsigned int count;

	at(FAKE_RELAX, NULL);
	/* Who waits for long lets others go on. */
	if (++count % 64 == 0)
		sched_yield();
}

uint64_t arch_seconds(void)
{
	return fake.seconds;
}

struct cpu *arch_this_cpu(void)
{
	return this_cpu;
}

enum arch_start arch_cpu_start(struct cpu *cpu)
{
	__atomic_fetch_add(&cpu->arch.starts, 1, __ATOMIC_RELAXED);
	at(FAKE_START, cpu);
	return fake.cpu_start ? fake.cpu_start(cpu) : ARCH_START_OK;
}

_Noreturn void arch_halt(void)
{
	end(FAKE_HALTED);
}

_Noreturn void panic(const char *format, ...)
{
	char line[256];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	arch_console_write(line, strlen(line));
	end(FAKE_HALTED);
}

/* --- vCPUs and VMs --- */

void arch_vcpu_reset(struct vcpu *vcpu, ipaddr_t entry, uint64_t argument)
{
	if (__atomic_load_n(&vcpu->arch.running, __ATOMIC_RELAXED))
		die("a vCPU is reset while it runs");
	memset(vcpu->arch.x, 0, sizeof(vcpu->arch.x));
	vcpu->arch.x[0] = argument;
	vcpu->arch.entry = entry.ipa;
	vcpu->arch.resets++;
}

void arch_vcpu_set_result(struct vcpu *vcpu, uint64_t result)
{
	if (__atomic_load_n(&vcpu->arch.running, __ATOMIC_RELAXED))
		die("a result is written to registers that are not saved");
	vcpu->arch.x[0] = result;
	at(FAKE_RESULT, vcpu);
}

static void load_registers(struct vcpu *vcpu)
{
	if (__atomic_exchange_n(&vcpu->arch.running, 1, __ATOMIC_RELAXED))
		die("a vCPU runs on two CPUs");
	for (unsigned int i = 0; i < FAKE_REGS; i++) {
		*fake_x(i) = vcpu->arch.x[i];
		vcpu->arch.x[i] = POISON;
	}
}

static void save_registers(struct vcpu *vcpu)
{
	for (unsigned int i = 0; i < FAKE_REGS; i++) {
		if (vcpu->arch.x[i] != POISON)
			die("registers were written while the vCPU ran");
		vcpu->arch.x[i] = *fake_x(i);
	}
	__atomic_store_n(&vcpu->arch.running, 0, __ATOMIC_RELAXED);
}

struct api_result arch_vcpu_enter(struct vcpu *primary, struct vcpu *vcpu)
{
	uint64_t exit;

	if (primary != this_cpu->vcpu)
		die("a vCPU is entered from another CPU's primary");
	if (__atomic_load_n(&vcpu->state, __ATOMIC_RELAXED) != VCPU_RUNNING)
		die("a vCPU is entered that is not RUNNING");
	if (vcpu->cpu != this_cpu)
		die("a vCPU is entered on another CPU than claimed it");
	load_registers(vcpu);
	vcpu->arch.entries++;
	at(FAKE_ENTERED, vcpu);
	exit = vcpu->arch.guest(vcpu);
	at(FAKE_LEAVING, vcpu);
	save_registers(vcpu);
	at(FAKE_SAVED, vcpu);
	return vcpu_left(vcpu, exit);
}

_Noreturn void arch_end_boot(struct cpu *cpu)
{
	if (cpu != this_cpu)
		die("the primary is entered on another CPU");
	end(FAKE_PRIMARY_ENTERED);
}

uint64_t arch_vcpu_owed(struct vcpu *vcpu)
{
	uint64_t owed = vcpu->arch.owed;

	vcpu->arch.owed = 0;
	return owed;
}

bool arch_vm_make_tables(struct vm *vm)
{
	(void)vm;
	return true;
}

void arch_vm_signal(struct vm *vm)
{
	vm->arch.signals++;
}

void arch_vm_init(struct vm *vm, uint32_t id)
{
	vm->arch.id = id;
	vm->arch.inits++;
}

static void park_root(const struct ptable *t, bool park)
{
	for (size_t i = 0; i < (size_t)t->root_pages * PT_ENTRIES; i++) {
		uint64_t pte = t->root[i];

		if (pte)
			__atomic_store_n(&t->root[i],
					 park ? pte & ~PTE_VALID
					      : pte | PTE_VALID,
					 __ATOMIC_RELAXED);
	}
}

void arch_vm_revoke(struct vm *vm)
{
	at(FAKE_REVOKE, vm);
	park_root(&vm->stage2, true);
	__atomic_fetch_add(&vm->arch.revokes, 1, __ATOMIC_RELAXED);
}

void arch_vm_restore(struct vm *vm)
{
	park_root(&vm->stage2, false);
	vm->arch.restores++;
}

/* --- a UART that only counts --- */

const char arch_console_path[] = "/uart@1000";

void arch_console_reset(struct vm *vm)
{
	vm->arch.console_resets++;
}

void arch_console_changed(struct vm *vm)
{
	vm->arch.console_changes++;
}

/* --- guests --- */

uint64_t *fake_x(unsigned int i)
{
	return &live[this_cpu->index][i];
}

static api_call find_call(uint64_t function, bool primary)
{
	uint32_t row = (uint32_t)function - API_FIRST;

	if (row >= API_COUNT)
		return NULL;
	return primary ? api_calls[row].primary : api_calls[row].secondary;
}

uint64_t fake_hvc(struct vcpu *vcpu, uint64_t function, uint64_t a1,
		  uint64_t a2, uint64_t a3)
{
	api_call call = find_call(function, false);
	struct api_result r = {-1, 0};

	if (call)
		r = call(vcpu, a1, a2, a3);
	*fake_x(0) = (uint64_t)r.value;
	*fake_x(1) = *fake_x(2) = *fake_x(3) = 0;
	return r.exit;
}

int64_t fake_primary(uint64_t function, uint64_t a1, uint64_t a2, uint64_t a3)
{
	api_call call = find_call(function, true);
	struct api_result r = {-1, 0};

	if (call)
		r = call(this_cpu->vcpu, a1, a2, a3);
	if (r.exit)
		die("a call made the primary leave");
	return r.value;
}

uint64_t fake_run_script(struct vcpu *vcpu)
{
	struct arch_vcpu *a = &vcpu->arch;
	uint64_t exit = 0;

	while (!exit) {
		const struct fake_step *s = &a->script[a->step];

		if (a->step && a->step <= FAKE_RESULTS)
			a->result[a->step - 1] = (int64_t)*fake_x(0);
		if (!s->function && !s->exit)
			return vcpu_exit(EXIT_INTERRUPT, 0);
		a->step++;
		exit = s->exit ? s->exit
			       : fake_hvc(vcpu, s->function, s->a1, s->a2,
					  s->a3);
	}
	return exit;
}

void fake_set_script(struct vcpu *vcpu, const struct fake_step *script)
{
	vcpu->arch.guest = fake_run_script;
	vcpu->arch.script = script;
	vcpu->arch.step = 0;
	memset(vcpu->arch.result, 0xff, sizeof(vcpu->arch.result));
}

/* --- console --- */

bool arch_console_init(const struct fdt *fdt)
{
	(void)fdt;
	return !fake.no_console;
}

static void console_put(char c)
{
	if (fake.put)
		fake.put(c);
	if (fake.output_length + 1 < sizeof(fake.output)) {
		fake.output[fake.output_length++] = c;
		fake.output[fake.output_length] = '\0';
	}
}

void arch_console_write(const char *text, size_t size)
{
	for (; size; size--, text++) {
		if (*text == '\n')
			console_put('\r');
		console_put(*text);
	}
}

bool fake_printed(const char *text)
{
	return strstr(fake.output, text) != NULL;
}

void fake_clear_output(void)
{
	fake.output_length = 0;
	fake.output[0] = '\0';
}

/* --- boot and board --- */

paddr_t arch_own_memory(uint64_t *size)
{
	*size = fake.own_size;
	return paddr(fake.own);
}

void arch_move(paddr_t to, const struct arch_part *noinit, unsigned int count)
{
	fake.moves++;
	fake.moved_bytes = 0;
	for (; count; count--)
		fake.moved_bytes += noinit++->size;
	fake.own = to.pa;
}

void arch_init_cpu(void)
{
}

void arch_guard_stacks(const struct fdt *fdt)
{
	(void)fdt;
}

const char *arch_board_init(const struct fdt *fdt, uint32_t vms)
{
	(void)fdt;
	return fake.bad_board;
}

void arch_board_describe(void)
{
}

bool arch_edits_node(const struct fdt *fdt, fdt_node_t node)
{
	return fdt_may_have(fdt, node, "fake,drop");
}

enum arch_edit arch_edit_prop(const struct fdt *fdt, fdt_node_t node,
			      const struct fdt_prop *prop, uint32_t *size)
{
	(void)fdt;
	(void)node;
	if (strcmp(prop->name, "fake,drop") == 0)
		return EDIT_DROP;
	if (strcmp(prop->name, "fake,cut") != 0)
		return EDIT_KEEP;
	*size = 4;
	return EDIT_CUT;
}

bool arch_claim_devices(struct ptable *primary)
{
	const struct range *r = &fake.claimed;

	return r->begin == r->end ||
	       mm_transfer(MM_HIDE, primary, paddr(r->begin), r->end - r->begin,
			   NULL);
}

bool arch_hides_node(const struct fdt *fdt, fdt_node_t node)
{
	struct fdt_prop p;

	return fdt_prop(fdt, node, "fake,hidden", &p);
}

bool arch_mediates_node(const struct fdt *fdt, fdt_node_t node)
{
	struct fdt_prop p;

	return fdt_prop(fdt, node, "fake,mediated", &p);
}

bool arch_owns_iommu(const struct fdt *fdt, uint32_t phandle)
{
	fdt_node_t node = fdt_by_phandle(fdt, phandle);
	struct fdt_prop p;

	return node != FDT_NO_NODE && fdt_prop(fdt, node, "fake,iommu", &p);
}

void arch_confine_devices(const struct fdt *fdt, const struct ranges *ram)
{
	(void)fdt;
	(void)ram;
}

uint32_t arch_iommu_count;

void arch_poll_devices(void)
{
	__atomic_fetch_add(&fake.polls, 1, __ATOMIC_RELAXED);
}

void arch_secondary_tree(struct fdt_writer *w, const struct vm *vm)
{
	fdt_put_node(w, "cpus");
	for (uint32_t i = 0; i < vm->vcpu_count; i++) {
		char name[16];

		snprintf(name, sizeof(name), "cpu@%x", i);
		fdt_put_node(w, name);
		fdt_put_u32(w, fdt_names.reg, i);
		fdt_put_end(w);
	}
	fdt_put_end(w);
}

void arch_common_tree(struct fdt_writer *w)
{
	fdt_put_node(w, "timer");
	fdt_put_prop(w, fake.own_names ? "always-on" : fdt_names.always_on,
		     NULL, 0);
	fdt_put_end(w);
}

/* --- set-up --- */

void fake_be_cpu(unsigned int index)
{
	this_cpu = &cpus[index];
}

static void map_ram(void)
{
	static void *ram;

	if (ram) {
		/* The kernel gives zeros anew. */
		madvise(ram, FAKE_RAM_SIZE, MADV_DONTNEED);
		return;
	}
	ram = mmap(fake_ram(FAKE_RAM_BASE), FAKE_RAM_SIZE,
		   PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (ram != fake_ram(FAKE_RAM_BASE))
		die("the host has something at the address of RAM");
}

void fake_reset(void)
{
	map_ram();
	memset(&fake, 0, sizeof(fake));
	arch_iommu_count = 0;
	fake.level = 1;
	fake.root_pages = 2;
	fake.input_bits = 40;
	fake.boot_map_limit = ~UINT64_C(0);
	memset(cpus, 0, sizeof(cpus));
	memset(&vm_primary, 0, sizeof(vm_primary));
	memset(vm_secondary, 0, sizeof(vm_secondary));
	cpu_count = 0;
	vm_count = 0;
	vm_options = 0;
	vm_wiped = false;
	vm_kept_size = 0;
	for (unsigned int i = 0; i < MAX_CPUS; i++)
		cpus[i].index = i;
	fake_be_cpu(0);
	mm_set_offset(0);
	pool_init(fake_ram(FAKE_RAM_BASE),
		  fake_ram(FAKE_RAM_BASE + FAKE_POOL_PAGES * PAGE_SIZE));
}

static void start_cpus(uint32_t count)
{
	cpu_count = count;
	for (uint32_t i = 0; i < count; i++)
		cpus[i].id = 0x100 * (i / 4) + i % 4;
	cpu_init_first();
	cpu_init_all();
	for (uint32_t i = 0; i < count; i++)
		cpus[i].state = CPU_ON;
}

static bool make_stage2(struct ptable *t)
{
	return ptable_init(t, MM_STAGE_2, fake.level, fake.root_pages,
			   fake.input_bits);
}

static void start_primary(void)
{
	const uint64_t primary_end = FAKE_PRIMARY_BASE + FAKE_PRIMARY_SIZE;
	const uint64_t ram_end = FAKE_RAM_BASE + FAKE_RAM_SIZE;
	struct ptable *t = &vm_primary.stage2;

	if (!make_stage2(t) ||
	    !mm_transfer(MM_HIDE, t, paddr(FAKE_RAM_BASE),
			 FAKE_PRIMARY_BASE - FAKE_RAM_BASE, NULL) ||
	    !mm_transfer(MM_GIVE_RAM, t, paddr(FAKE_PRIMARY_BASE),
			 FAKE_PRIMARY_SIZE, NULL) ||
	    !mm_transfer(MM_HIDE, t, paddr(primary_end), ram_end - primary_end,
			 NULL) ||
	    !mm_transfer(MM_GIVE_DEVICE, t, paddr(FAKE_DEVICE), PAGE_SIZE,
			 NULL))
		die("no page table for the primary");
	arch_vm_init(&vm_primary, 0);
}

static void make_parts(struct vm *vm)
{
	static const struct {
		uint64_t at, size, copy;
	} parts[PART_COUNT] = {
		[PART_KERNEL] = {FAKE_KERNEL_AT, 0x5123, 0},
		/* Over the end of a piece that is loaded at once */
		[PART_RAMDISK] = {0x17e000, 0x4011, 0x6000},
		[PART_TREE] = {FAKE_VM_SIZE - 0x2000, 0x1abc, 0xb000},
	};
	uint64_t kept = FAKE_KEPT + vm->index * FAKE_KEPT_SIZE;

	for (unsigned int i = 0; i < PART_COUNT; i++)
		vm->parts[i] = (struct vm_part){
			ipaddr(HF_SECONDARY_RAM_BASE + parts[i].at),
			parts[i].size, paddr(kept + parts[i].copy)};
}

char *fake_part(const struct vm *vm, unsigned int part)
{
	return fake_ram(vm->parts[part].copy.pa);
}

static void start_secondary(uint32_t i, uint32_t vcpus)
{
	static const struct fake_step nothing[] = {FAKE_END};
	struct vm *vm = &vm_secondary[i];
	struct mm_receiver to = {&vm->stage2, ipaddr(HF_SECONDARY_RAM_BASE), i};

	vm->index = i;
	vm->memory = paddr(FAKE_VM_BASE + i * FAKE_VM_SIZE);
	vm->memory_size = vm->loaded = FAKE_VM_SIZE;
	snprintf(vm->name, sizeof(vm->name), "vm%u", i);
	make_parts(vm);
	vm_init(vm, i + 1, vm_vcpu_room(i), vcpus);
	if (!make_stage2(&vm->stage2) ||
	    !mm_transfer(MM_DONATE, &vm_primary.stage2, vm->memory,
			 vm->memory_size, &to))
		die("no page table for a secondary");
	arch_vm_init(vm, i + 1);
	for (uint32_t v = 0; v < vcpus; v++)
		fake_set_script(&vm->vcpus[v], nothing);
	if (vcpus) {
		arch_vcpu_reset(&vm->vcpus[0], ipaddr(HF_SECONDARY_RAM_BASE),
				0);
		vm->vcpus[0].state = VCPU_READY;
	}
}

void fake_start(uint32_t cpus_wanted, uint32_t vms, uint32_t vcpus)
{
	start_cpus(cpus_wanted);
	start_primary();
	vm_count = vms;
	vm_kept = paddr(FAKE_KEPT);
	vm_kept_size = vms * FAKE_KEPT_SIZE;
	life_init();
	for (uint32_t i = 0; i < vms; i++)
		start_secondary(i, vcpus);
}

uint64_t fake_page(const struct vm *vm, unsigned int n)
{
	return (vm ? HF_SECONDARY_RAM_BASE : FAKE_PRIMARY_BASE) + n * PAGE_SIZE;
}

void *fake_page_ptr(const struct vm *vm, unsigned int n)
{
	return fake_ram((vm ? vm->memory.pa : FAKE_PRIMARY_BASE) +
			n * PAGE_SIZE);
}

size_t fake_pool_left(void)
{
	void *list = NULL, *page;
	size_t n = 0;

	while ((page = pool_alloc(1))) {
		*(void **)page = list;
		list = page;
		n++;
	}
	for (; list; list = page) {
		page = *(void **)list;
		pool_free(list);
	}
	return n;
}

struct api_result arch_call_slowly(struct vcpu *caller, uint64_t a1,
				   uint64_t a2, uint64_t a3)
{
	(void)caller, (void)a1, (void)a2, (void)a3;
	die("a call of manage.c is made twice");
}

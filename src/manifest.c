/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading the manifest (docs/boot.md). Each property is a row of a table: a
 * new one is a row here, a field of struct manifest_vm, and a line in the
 * document.
 */
#include "manifest.h"
#include "string.h"

#define COMPATIBLE "holdfast,manifest-v1"

#define PAGE 4096

/* Where a property may stand, and where it must. */
#define IN_PRIMARY 1
#define IN_SECONDARY 2
#define NEEDED_IN_PRIMARY 4
#define NEEDED_IN_SECONDARY 8

#define PRIMARY (IN_PRIMARY | NEEDED_IN_PRIMARY)
#define SECONDARY (IN_SECONDARY | NEEDED_IN_SECONDARY)

/* Takes a value over into a VM, or says what is wrong with it. */
typedef const char *read_fn(struct manifest_vm *vm,
			    const struct fdt_prop *prop);

struct property {
	const char *name;
	unsigned int place;
	read_fn *read;
};

static const char *read_string(const char **to, const struct fdt_prop *prop)
{
	const char *s = fdt_string(prop);

	if (s == NULL)
		return "must be one string";
	if (*s == '\0')
		return "must not be empty";
	*to = s;
	return NULL;
}

static bool is_alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9');
}

/* The name becomes a file's name in the primary: /dev/holdfast/NAME. */
static const char *check_name(const char *name)
{
	if (!is_alphanumeric(*name))
		return "must begin with a letter or a digit";
	if (strnlen(name, MAX_NAME) == MAX_NAME)
		return "is too long";
	for (; *name != '\0'; name++)
		if (!is_alphanumeric(*name) && *name != '.' && *name != '_' &&
		    *name != '-')
			return "has a character other than a-z A-Z 0-9 . _ -";
	return NULL;
}

static const char *read_name(struct manifest_vm *vm,
			     const struct fdt_prop *prop)
{
	const char *name = NULL;
	const char *error = read_string(&name, prop);

	if (error == NULL)
		error = check_name(name);
	if (error == NULL && strcmp(name, "primary") == 0)
		error = "is the primary VM's name";
	if (error == NULL)
		vm->name = name;
	return error;
}

static const char *read_kernel(struct manifest_vm *vm,
			       const struct fdt_prop *prop)
{
	return read_string(&vm->kernel_filename, prop);
}

static const char *read_ramdisk(struct manifest_vm *vm,
				const struct fdt_prop *prop)
{
	return read_string(&vm->ramdisk_filename, prop);
}

static const char *read_bootargs(struct manifest_vm *vm,
				 const struct fdt_prop *prop)
{
	return read_string(&vm->bootargs, prop);
}

static const char *read_mem_size(struct manifest_vm *vm,
				 const struct fdt_prop *prop)
{
	uint64_t size;

	if (prop->size != 4 && prop->size != 8)
		return "must be one or two cells";
	size = fdt_number(prop->value, 0, prop->size / 4, NULL);
	if (size == 0)
		return "must not be zero";
	if (size % PAGE != 0)
		return "must be a multiple of 4096";
	if (size > MANIFEST_MAX_MEM_SIZE)
		return "is too large";
	vm->mem_size = size;
	return NULL;
}

static const char *read_vcpu_count(struct manifest_vm *vm,
				   const struct fdt_prop *prop)
{
	uint32_t count;

	if (prop->size != 4)
		return "must be one cell";
	count = fdt_cell(prop->value, 0);
	if (count == 0)
		return "must not be zero";
	if (count > MAX_VCPUS)
		return "is too large";
	vm->vcpu_count = count;
	return NULL;
}

static const char *read_debug(struct manifest_vm *vm,
			      const struct fdt_prop *prop)
{
	if (prop->size != 0)
		return "must have no value";
	vm->debug = true;
	return NULL;
}

static const struct property properties[] = {
	{"debug_name", SECONDARY, read_name},
	{"kernel_filename", PRIMARY | SECONDARY, read_kernel},
	{"ramdisk_filename", IN_PRIMARY | IN_SECONDARY, read_ramdisk},
	{"bootargs", IN_PRIMARY | IN_SECONDARY, read_bootargs},
	{"mem_size", SECONDARY, read_mem_size},
	{"vcpu_count", SECONDARY, read_vcpu_count},
	{"debug", IN_SECONDARY, read_debug},
};

#define PROPERTY_COUNT (sizeof(properties) / sizeof(properties[0]))

/* Keeps the first fault of a VM; an `error` of NULL is none. */
static void set_error(struct manifest_vm *vm, const char *error,
		      const char *property)
{
	if (vm->error != NULL || error == NULL)
		return;
	vm->error = error;
	vm->error_property = property;
}

/* Index of the property called `name` that may stand at `place`. */
static size_t find_property(const char *name, unsigned int place)
{
	size_t i;

	for (i = 0; i < PROPERTY_COUNT; i++)
		if ((properties[i].place & place) != 0 &&
		    streq(properties[i].name, name))
			break;
	return i;
}

/* Takes over one property; *seen has a bit for each that was there before. */
static const char *read_property(struct manifest_vm *vm,
				 const struct fdt_prop *prop,
				 unsigned int place, unsigned int *seen)
{
	size_t i = find_property(prop->name, place);

	if (i == PROPERTY_COUNT)
		return "is not known";
	if ((*seen & 1u << i) != 0)
		return "is given twice";
	*seen |= 1u << i;
	return properties[i].read(vm, prop);
}

/*
 * Reads a VM's node. A fault does not end the reading, so that the VM can be
 * told by its debug_name wherever that stands.
 */
static void read_vm(struct manifest_vm *vm, const struct fdt *fdt,
		    fdt_node_t node, unsigned int place, unsigned int needed)
{
	fdt_node_t child = fdt_first_child(fdt, node);
	unsigned int seen = 0;
	struct fdt_prop prop;
	uint32_t at = 0;

	vm->name = fdt_name(fdt, node);
	while (fdt_each_prop(fdt, node, &at, &prop))
		set_error(vm, read_property(vm, &prop, place, &seen),
			  prop.name);
	if (child != FDT_NO_NODE)
		set_error(vm, "is a node: a VM has none inside",
			  fdt_name(fdt, child));
	for (size_t i = 0; i < PROPERTY_COUNT; i++)
		if ((properties[i].place & needed) != 0 &&
		    (seen & 1u << i) == 0)
			set_error(vm, "is missing", properties[i].name);
}

/*
 * The number in a node's name "vm0", "vm1", ...; false if it is another name.
 * At most three digits: more VMs than that are none that can be counted here.
 */
static bool vm_index(const char *name, uint32_t *index)
{
	uint32_t n = 0;
	size_t digits = 0;

	if (name[0] != 'v' || name[1] != 'm')
		return false;
	for (name += 2; *name >= '0' && *name <= '9'; name++) {
		n = n * 10 + (uint32_t)(*name - '0');
		if (++digits > 3 || (digits > 1 && n < 10))
			return false;
	}
	*index = n;
	return digits != 0 && *name == '\0';
}

/* Two VMs of one name could not be told apart; the first keeps it. */
static void check_unique(const struct manifest *m, struct manifest_vm *vm)
{
	for (uint32_t i = 0; i < m->vm_count; i++)
		if (strcmp(m->vm[i].name, vm->name) == 0)
			set_error(vm, "is the name of another VM",
				  "debug_name");
}

static const char *read_secondary(struct manifest *m, const struct fdt *fdt,
				  fdt_node_t node, uint32_t index)
{
	struct manifest_vm *vm;

	if (index != m->vm_count)
		return "is not the next: vm0, vm1, ... come in order";
	if (index >= MAX_VMS)
		return "is one VM too many";
	vm = &m->vm[index];
	read_vm(vm, fdt, node, IN_SECONDARY, NEEDED_IN_SECONDARY);
	check_unique(m, vm);
	m->vm_count++;
	return NULL;
}

static const char *read_primary(struct manifest *m, const struct fdt *fdt,
				fdt_node_t node)
{
	if (m->primary.name != NULL)
		return "is given twice";
	read_vm(&m->primary, fdt, node, IN_PRIMARY, NEEDED_IN_PRIMARY);
	return NULL;
}

static const char *read_node(struct manifest *m, const struct fdt *fdt,
			     fdt_node_t node)
{
	const char *name = fdt_name(fdt, node);
	uint32_t index;

	if (strcmp(name, "primary") == 0)
		return read_primary(m, fdt, node);
	if (vm_index(name, &index))
		return read_secondary(m, fdt, node, index);
	return "is not known";
}

/* It has no value: it is there or not. */
static const char *read_strict(struct manifest *m, const struct fdt_prop *prop)
{
	if (prop->size != 0)
		return "must have no value";
	m->strict = true;
	return NULL;
}

static const char *read_panic(struct manifest *m, const struct fdt_prop *prop)
{
	const char *s = fdt_string(prop);

	if (s != NULL && strcmp(s, "reset") == 0)
		m->panic_resets = true;
	else if (s == NULL || strcmp(s, "halt") != 0)
		return "must be \"halt\" or \"reset\"";
	return NULL;
}

static const char *read_compatible(struct manifest *m,
				   const struct fdt_prop *prop)
{
	(void)m;
	return fdt_list_has(prop, COMPATIBLE) ? NULL
					      : "must be \"" COMPATIBLE "\"";
}

static const struct {
	const char *name;
	const char *(*read)(struct manifest *m, const struct fdt_prop *prop);
} root_properties[] = {
	{"compatible", read_compatible},
	{"strict", read_strict},
	{"panic", read_panic},
};

#define ROOT_COUNT (sizeof(root_properties) / sizeof(root_properties[0]))

static const char *read_root_property(struct manifest *m,
				      const struct fdt_prop *prop,
				      unsigned int *seen)
{
	for (size_t i = 0; i < ROOT_COUNT; i++) {
		if (!streq(root_properties[i].name, prop->name))
			continue;
		if ((*seen & 1u << i) != 0)
			return "is given twice";
		*seen |= 1u << i;
		return root_properties[i].read(m, prop);
	}
	return "is not known";
}

static const char *read_root(struct manifest *m, const struct fdt *fdt)
{
	struct fdt_prop prop;
	unsigned int seen = 0;
	const char *error;
	uint32_t at = 0;

	m->error_property = "compatible";
	if (!fdt_prop(fdt, fdt_root(fdt), "compatible", &prop))
		return "is missing";
	while (fdt_each_prop(fdt, fdt_root(fdt), &at, &prop)) {
		m->error_property = prop.name;
		error = read_root_property(m, &prop, &seen);
		if (error != NULL)
			return error;
	}
	m->error_property = NULL;
	return NULL;
}

const char *manifest_read(struct manifest *m, const struct fdt *fdt)
{
	const char *error;
	fdt_node_t node;

	memset(m, 0, sizeof(*m));
	error = read_root(m, fdt);
	if (error != NULL)
		return error;
	for (node = fdt_first_child(fdt, fdt_root(fdt)); node != FDT_NO_NODE;
	     node = fdt_next_sibling(fdt, node)) {
		m->error_node = fdt_name(fdt, node);
		error = read_node(m, fdt, node);
		if (error != NULL)
			return error;
	}
	m->error_node = "primary";
	if (m->primary.name == NULL)
		return "is missing";
	m->error_node = NULL;
	return NULL;
}

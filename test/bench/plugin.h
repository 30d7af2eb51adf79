/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The part of QEMU's interface for TCG plugins, version 1, that count.c uses.
 * Debian's QEMU has the interface, but no package has its header.
 */
#ifndef PLUGIN_H
#define PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#define PLUGIN_EXPORT __attribute__((visibility("default")))
#define PLUGIN_VERSION 1

/* What a callback does to the registers of the guest: nothing. */
#define PLUGIN_NO_REGS 0

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;

typedef void (*plugin_exec_fn)(unsigned int vcpu, void *data);
typedef void (*plugin_translate_fn)(qemu_plugin_id_t id,
				    struct qemu_plugin_tb *tb);
typedef void (*plugin_exit_fn)(qemu_plugin_id_t id, void *data);

/* Defined by the plugin. */
PLUGIN_EXPORT extern int qemu_plugin_version;
PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info,
				      int argc, char **argv);

/* Defined by QEMU. */
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
					   plugin_translate_fn fn);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    plugin_exec_fn fn, int flags,
					    void *data);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, plugin_exit_fn fn,
				    void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *
qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);

#endif

// SPDX-License-Identifier: GPL-2.0-only

/**
 * C programs on this kernel: {@code pollux exec}.
 *
 * <p>Two processes follow each other under one number. The first is the command line: {@link
 * io.pollux.tools.exec.Launch} has a small C library compiled ({@link io.pollux.tools.exec.Preload}), describes in the
 * environment what is wanted ({@link io.pollux.tools.exec.Order}), and becomes the program by execve, with the
 * library preloaded. The second is the program. The library, whose sources are this package's resources, takes over
 * its file and aio calls; on the first that concerns this kernel it starts a Java virtual machine beside the program,
 * and {@link io.pollux.tools.exec.Guest} boots the kernel there.
 *
 * <p>Rules:
 *
 * <ul>
 *   <li>A call goes from the program's own thread through one upcall to the system call table. Nothing is allocated on
 *       the way, and no exception may leave it.
 *   <li>A thread of the program is a task of one process; it is made at its first call and ends with the thread.
 *   <li>The program's memory is the machine's ({@link io.pollux.core.mm.MachineSpace}); its descriptors have the same
 *       number in both worlds ({@link io.pollux.core.vfs.MachineFiles}).
 *   <li>The end of the program, but not its being killed, syncs and unmounts.
 * </ul>
 */
@NullMarked
package io.pollux.tools.exec;

import org.jspecify.annotations.NullMarked;

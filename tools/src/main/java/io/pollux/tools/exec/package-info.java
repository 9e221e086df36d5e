// SPDX-License-Identifier: GPL-2.0-only

/**
 * Runs C programs on this kernel: {@code pollux exec}.
 *
 * <p>Two programs run in the same process, one after the other. The first is the command line.
 * {@link io.pollux.tools.exec.Launch} compiles a small C library ({@link
 * io.pollux.tools.exec.Preload}), and describes the target in the environment ({@link
 * io.pollux.tools.exec.Order}). It then becomes the C program by execve, with the library
 * preloaded. The sources of the library are this package's resources.
 *
 * <p>The library interposes the program's file and aio calls. The first call that concerns this
 * kernel starts a Java virtual machine in the process, where {@link io.pollux.tools.exec.Guest}
 * boots the kernel.
 *
 * <p>Rules:
 *
 * <ul>
 *   <li>A call goes from the program's own thread through one upcall to the system call table. It
 *       allocates nothing, and no exception may leave it.
 *   <li>A thread of the program is a task of one process. The task is created at the thread's first
 *       call and exits with the thread.
 *   <li>The program's memory is the host's ({@link io.pollux.core.mm.MachineSpace}). A descriptor
 *       has the same number on the host and in this kernel ({@link
 *       io.pollux.core.vfs.MachineFiles}).
 *   <li>A normal exit of the program syncs and unmounts; a kill does not.
 * </ul>
 */
@NullMarked
package io.pollux.tools.exec;

import org.jspecify.annotations.NullMarked;

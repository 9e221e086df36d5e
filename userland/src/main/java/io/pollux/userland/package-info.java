// SPDX-License-Identifier: GPL-2.0-only

/**
 * What a user program of this kernel would have from its C library: memory, files, and the rings of the
 * polled-AIO series. Everything here is made of {@code Program.syscall} and memory that the program mapped.
 *
 * <p>A file is read through polled rings like this:
 *
 * <pre>{@code
 * try (UserFiles files = new UserFiles(program)) {
 *   int fd = files.open(PathName.of("/mnt/main.dat"), Fcntl.O_RDONLY | Fcntl.O_DIRECT);
 *   try (UserRing ring = UserRing.polled(program, 8, 4096)) {
 *     for (int i = 0; i < 8; i++) {
 *       ring.read(fd, i * 4096L, 4096);
 *     }
 *     ring.submitAndWait(8);
 *     for (long event = ring.peek(); event != 0; event = ring.peek()) {
 *       System.out.println(IoEvent.res(event) + " bytes at " + ring.buffer(ring.slot(event)));
 *       ring.consume(event);
 *     }
 *   }
 * }
 * }</pre>
 *
 * <p>None of these objects may be used by two threads: a task of the kernel is one thread, and the program that an
 * object was made with is a task.
 */
@NullMarked
package io.pollux.userland;

import org.jspecify.annotations.NullMarked;

// SPDX-License-Identifier: GPL-2.0-only

/**
 * The user library for Java programs of this kernel: memory, files, and the rings of the polled-AIO
 * series. It uses only {@code Program.syscall} and memory that the program has mapped.
 *
 * <p>A program reads a file through polled rings:
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
 * <p>Only the thread of an object's program may use the object, because a program is one task of
 * the kernel.
 */
@NullMarked
package io.pollux.userland;

import org.jspecify.annotations.NullMarked;

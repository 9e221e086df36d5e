// SPDX-License-Identifier: GPL-2.0-only

/**
 * The kit: a kernel for each test, with disks that have names, and books that are looked at when the test ends.
 *
 * <p>A test class asks for a kernel with the disks it wants, and each test gets a program of it, or as many as it makes:
 *
 * <pre>{@code
 * @RegisterExtension
 * final PolluxKernel pollux = PolluxKernel.withSample().withDisk("ram0", TestDisk.ram(1 << 20));
 *
 * @Test
 * void readsTheFirstSectorOfTheMainFile(Program program) {
 *   try (UserFiles files = new UserFiles(program);
 *       UserMemory memory = UserMemory.map(program, 512)) {
 *     int fd = files.open(PathName.of("/mnt/main.dat"), Fcntl.O_RDONLY | Fcntl.O_DIRECT);
 *     assertThatCall(program.syscall(Nr.PREAD64, fd, memory.address(), 512, 0)).returns(512);
 *     assertThat(SamplePattern.verify(memory.address(), 512, 0)).isEqualTo(-1);
 *     assertThatCall(program.syscall(Nr.PREAD64, fd, 0, 512, 0)).failsWith(Errno.EFAULT);
 *   }
 * }
 * }</pre>
 *
 * <p>At the end of every test, passed or failed, the programs are ended and then no page may be pinned, no file open, no aio
 * request reserved, no tag in use. A test that wants to know earlier asks {@link io.pollux.it.TestKernel#assertNothingHeld()}. One
 * that boots kernels of its own, several or in a loop, uses {@link io.pollux.it.TestKernel} without the extension:
 *
 * <pre>{@code
 * try (TestKernel kernel = TestKernel.boot()) {
 *   kernel.addDisk("ram0", TestDisk.ram(1 << 20));
 *   Program program = kernel.newProgram();
 *   try (UserFiles files = new UserFiles(program)) {
 *     int fd = files.open(PathName.of("/dev/ram0"), Fcntl.O_RDONLY);
 *     assertThatCall(program.syscall(Nr.LSEEK, fd, 0, Fcntl.SEEK_END)).returns(1 << 20);
 *     files.close(fd);
 *   }
 *   kernel.assertNothingHeld();
 * }
 * }</pre>
 *
 * <p>What a test holds this kernel against may be missing on a machine: {@link io.pollux.it.Oracles} skips the test and says
 * why, or fails it where nothing may be missing.
 */
@NullMarked
package io.pollux.it;

import org.jspecify.annotations.NullMarked;

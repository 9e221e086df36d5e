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
 * request reserved, no tag in use, and the kernel may have reported no failure of its own ({@link
 * io.pollux.it.TestKernel#mayOops} for tests that provoke one). A test that wants to know earlier asks {@link io.pollux.it.TestKernel#assertNothingHeld()}. One
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
 * <p>A disk may hold what it is given ({@link io.pollux.it.TestDisk#held}). The test looks at it and lets it complete, one by
 * one, in any order and with errors; {@link io.pollux.it.EventAssert} knows what comes of it:
 *
 * <pre>{@code
 * @Test
 * void eventsComeInTheOrderInWhichTheDiskCompletes(TestKernel kernel, Program program) {
 *   HeldDisk disk = kernel.driver("held0", HeldDisk.class);
 *   try (UserFiles files = new UserFiles(program);
 *       UserRing ring = UserRing.polled(program, 4, 4096)) {
 *     int fd = files.open(PathName.of("/dev/held0"), Fcntl.O_RDONLY | Fcntl.O_DIRECT);
 *     int first = ring.read(fd, 0, 4096);
 *     int second = ring.read(fd, 4096, 4096);
 *     assertThatCall(ring.enter(0)).returns(2);
 *     assertThat(disk.held()).extracting(HeldDisk.Held::sector).containsExactly(0L, 8L);
 *     disk.fail(1, Errno.ENODATA);
 *     assertThatCall(ring.getEvents(1)).returns(0);
 *     assertThatEvent(ring.peek()).hasObj(second).failedWith(Errno.ENODATA).hasRes2(0);
 *     ring.consume(ring.peek());
 *     disk.release(0);
 *     assertThatCall(ring.getEvents(1)).returns(0);
 *     assertThatEvent(ring.peek()).hasObj(first).moved(4096);
 *     ring.consume(ring.peek());
 *     assertThatDisk(kernel.testDisk("held0")).hasDoneReads(2).hasNothingInFlight();
 *   }
 * }
 * }</pre>
 *
 * <p>Or it may be faulty, as a plan says ({@link io.pollux.it.TestDisk#faulty}): {@code
 * TestDisk.faulty(1 << 20, FaultPlan.parse("seed=7,volatile-cache"))}. What it did is in its log, and what is on it afterwards
 * {@link io.pollux.it.DiskAssert} can tell:
 *
 * <pre>{@code
 * @Test
 * void whatWasFlushedOutlivesAPowerCut(TestKernel kernel, Program program) {
 *   FaultDisk disk = kernel.driver("fault0", FaultDisk.class);
 *   try (UserFiles files = new UserFiles(program);
 *       UserMemory memory = UserMemory.map(program, 4096)) {
 *     int fd = files.open(PathName.of("/dev/fault0"), Fcntl.O_RDWR | Fcntl.O_DIRECT);
 *     memory.segment().fill((byte) 7);
 *     assertThatCall(program.syscall(Nr.PWRITE64, fd, memory.address(), 4096, 0)).returns(4096);
 *     assertThatDisk(kernel.testDisk("fault0")).wasNotFlushed();
 *     assertThatCall(program.syscall(Nr.FSYNC, fd)).returns(0);
 *     assertThatDisk(kernel.testDisk("fault0")).wasFlushed();
 *     disk.powerCut();
 *     assertThatCall(program.syscall(Nr.PREAD64, fd, memory.address(), 4096, 0)).failsWith(Errno.EIO);
 *     disk.powerOn();
 *     assertThat(disk.log().count(FaultLog.Kind.POWER_OFF)).isEqualTo(1);
 *     assertThatDisk(kernel.testDisk("fault0")).isFilledWith(0, 8, 7).isFilledWith(8, 8, 0);
 *   }
 * }
 * }</pre>
 *
 * <p>What a test holds this kernel against may be missing on a machine: {@link io.pollux.it.Oracles} skips the test and says
 * why, or fails it where nothing may be missing.
 */
@NullMarked
package io.pollux.it;

import org.jspecify.annotations.NullMarked;

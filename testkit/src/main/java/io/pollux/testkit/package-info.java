// SPDX-License-Identifier: GPL-2.0-only

/**
 * The test kit: a kernel for each test, with named disks, and a check for leaks when the test ends.
 *
 * <p>A test class registers a kernel with its disks. Each test receives a program of that kernel,
 * or starts more:
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
 * <p>After every test, passed or failed, the extension exits the programs. It fails the test if a
 * page is pinned, a file open, an aio request reserved, or a tag in use. It also fails the test if
 * the kernel reported a failure. A test that provokes a failure calls {@link
 * io.pollux.testkit.TestKernel#mayOops} first. A test may check for leaks earlier by {@link
 * io.pollux.testkit.TestKernel#assertNothingHeld()}. A test that boots its own kernels, several or
 * in a loop, uses {@link io.pollux.testkit.TestKernel} without the extension:
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
 * <p>The kit turns on the kernel's debugging checks ({@link io.pollux.core.Debug}), unless the
 * tests set {@code -Dpollux.debug=false}. It sets the property when {@link
 * io.pollux.testkit.PolluxKernel} or {@link io.pollux.testkit.TestKernel} is first used. A test
 * that uses other classes of the kernel before sets {@code -Dpollux.debug=true} itself.
 *
 * <p>A disk may hold its requests ({@link io.pollux.testkit.TestDisk#held}). The test inspects them
 * and completes them one by one, in any order and with errors, by methods of {@link
 * io.pollux.block.fixture.HeldDisk}. {@link io.pollux.testkit.EventAssert} checks the resulting
 * events:
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
 * <p>A disk may fail according to a plan ({@link io.pollux.testkit.TestDisk#faulty}): {@code
 * TestDisk.faulty(1 << 20, FaultPlan.parse("seed=7,volatile-cache"))}. Its log records the faults.
 * {@link io.pollux.testkit.DiskAssert} checks its contents afterwards:
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
 *     assertThatCall(program.syscall(Nr.PREAD64, fd, memory.address(), 4096, 0))
 *         .failsWith(Errno.EIO);
 *     disk.powerOn();
 *     assertThat(disk.log().count(FaultLog.Kind.POWER_OFF)).isEqualTo(1);
 *     assertThatDisk(kernel.testDisk("fault0")).isFilledWith(0, 8, 7).isFilledWith(8, 8, 0);
 *   }
 * }
 * }</pre>
 *
 * <p>A test may compare this kernel with a program of the host. If the program is missing, {@link
 * io.pollux.testkit.Oracles} skips the test and prints the reason, or fails the test if
 * POLLUX_REQUIRE_ORACLES is 1.
 */
@NullMarked
package io.pollux.testkit;

import org.jspecify.annotations.NullMarked;

// SPDX-License-Identifier: GPL-2.0-only

/**
 * The test kit: a kernel for each test, with named disks, a limit, and a check for leaks when the
 * test ends.
 *
 * <p>{@link io.pollux.testkit.PolluxTest} boots the kernel, {@link io.pollux.testkit.Disk} adds a
 * disk, and {@link io.pollux.testkit.Mount} mounts it. The test gets what it uses as parameters:
 *
 * <pre>{@code
 * @PolluxTest
 * @Disk(kind = Disk.Kind.SAMPLE)
 * @Mount(at = "mnt", disk = "sample0")
 * void readsTwoBlocksOfTheMainFile(UserFiles files, UserRing ring) {
 *   int fd = files.open(PathName.of("/mnt/main.dat"), Fcntl.O_RDONLY | Fcntl.O_DIRECT);
 *   int first = ring.read(fd, 0, 4096);
 *   int second = ring.read(fd, 4096, 4096);
 *   assertThatCall(ring.enter(0)).returns(2);
 *   List<Event> events = awaitEvents(ring, 2, Duration.ofSeconds(5));
 *   assertThat(events).extracting(Event::obj).containsExactlyInAnyOrder(first * 1L, second * 1L);
 *   assertThat(events).extracting(Event::res).containsOnly(4096L);
 *   assertThat(SamplePattern.verify(ring.buffer(second), 4096, 4096)).isEqualTo(-1);
 * }
 * }</pre>
 *
 * <p>A disk may hold its requests. The test completes them one by one, in any order and with
 * errors. {@link io.pollux.testkit.Event#awaitEvents} waits for events, and fails with a list of
 * the requests in flight if they do not come:
 *
 * <pre>{@code
 * @Test
 * void eventsComeInTheOrderOfTheReleases(
 *     UserFiles files, UserRing ring, @Disk("held0") HeldDisk disk) {
 *   int fd = files.open(PathName.of("/dev/held0"), Fcntl.O_RDONLY | Fcntl.O_DIRECT);
 *   int first = ring.read(fd, 0, 4096);
 *   int second = ring.read(fd, 4096, 4096);
 *   assertThatCall(ring.enter(0)).returns(2);
 *   disk.fail(1, Errno.ENODATA);
 *   Event event = awaitEvents(ring, 1, Duration.ofSeconds(5)).getFirst();
 *   assertThatEvent(event).hasObj(second).failedWith(Errno.ENODATA);
 *   disk.release(0);
 *   event = awaitEvents(ring, 1, Duration.ofSeconds(5)).getFirst();
 *   assertThatEvent(event).hasObj(first).moved(4096);
 * }
 * }</pre>
 *
 * <p>A test that fails, hangs or closes too early does not affect other tests:
 *
 * <ul>
 *   <li>Each test has a limit of 30 seconds, which {@link io.pollux.testkit.PolluxLimit} or
 *       -Dpollux.limit changes. When it expires, the kit kills the programs and fails the requests
 *       of the disks with EIO. The failure lists tasks, aio contexts, open files, requests in
 *       flight and the stacks of threads.
 *   <li>The methods of a test run on a thread of their own. If it does not return after that, it is
 *       left behind, and its kernel stays open.
 *   <li>JUnit shows the first failure, with later ones as suppressed exceptions. A failure of a
 *       driver or of the kernel precedes the failed assertion that it caused.
 *   <li>An access through a null pointer throws an AssertionError, as a debugging check. The user
 *       library throws IllegalStateException after its close, or the end of its program. The memory
 *       of a program that has exited reads as zeroes until the test ends. It stays longer if a
 *       thread that the test has started still runs.
 *   <li>{@link io.pollux.testkit.PolluxSeed} injects a random seed. A failure reports it, and
 *       -Dpollux.seed replays it.
 * </ul>
 *
 * <p>A class registers a {@link io.pollux.testkit.PolluxKernel} instead of PolluxTest if a test
 * needs a disk that no annotation describes. Examples are an image file, memory of the test, or a
 * driver of its own. The other annotations work there too:
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
 * <p>After every test, passed or failed, the kit exits the programs. It fails the test if a page is
 * pinned, a file open, an aio request reserved, or a tag in use. It also fails the test if the
 * kernel reported a failure. A test that provokes a failure calls {@link
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
 * that uses other classes of the kernel earlier sets {@code -Dpollux.debug=true} itself.
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

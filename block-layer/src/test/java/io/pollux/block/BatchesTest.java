// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.block.fixture.RecordingDriver;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The requests of one plug go to the driver, take their tags, and complete together. */
@Timeout(60)
class BatchesTest {
  private static final int READ = BlkTypes.REQ_OP_READ | BlkTypes.REQ_HIPRI;

  private final RecordingDriver driver = new RecordingDriver();
  private final BlockDevice disk = driver.disk("disk0", 1 << 20);
  private final UserProcess process = new UserProcess();
  private final Task task = process.newTask();
  private final long memory = HostMemory.map(4096);
  private final Plug plug = new Plug();
  private final List<Integer> busyAtEndIo = new ArrayList<>();
  private int cookie;

  @BeforeEach
  void enter() {
    assertThat(task.enterKernel()).isTrue();
  }

  @AfterEach
  void nothingIsHeld() {
    assertThat(disk.queue().busyTags()).isZero();
    task.leaveKernel();
    process.exit();
    HostMemory.unmap(memory, 4096);
  }

  private void submit(long sector, int priority) {
    Bio bio =
        Bio.alloc(
            task,
            disk,
            sector,
            READ,
            done -> {
              busyAtEndIo.add(disk.queue().busyTags());
              done.put();
            },
            null);
    bio.setIoprio(priority);
    assertThat(bio.addMemory(memory, 512)).isTrue();
    cookie = disk.submitBio(task, bio);
  }

  private void submitBatch(int requests) {
    assertThat(plug.start(task)).isTrue();
    for (int i = 0; i < requests; i++) {
      submit(2L * i, 0);
    }
    plug.finish(task);
  }

  private void poll() {
    assertThat(disk.queue().blkPoll(cookie, true)).isPositive();
  }

  @Test
  void theDriverGetsABatchInOneCall() {
    submitBatch(5);
    assertThat(driver.calls()).containsExactly(5);
    poll();
  }

  @Test
  void allTagsAreFreeBeforeTheFirstEndIo() {
    submitBatch(5);
    poll();
    assertThat(busyAtEndIo).containsExactly(0, 0, 0, 0, 0);
  }

  @Test
  void aBatchTakesTagsForAsManyRequestsAsTheLastOneHad() {
    submitBatch(5);
    poll();
    assertThat(plug.start(task)).isTrue();
    submit(0, 0);
    assertThat(disk.queue().busyTags()).isEqualTo(5);
    plug.finish(task);
    assertThat(disk.queue().busyTags()).as("the unused ones are put").isEqualTo(1);
    poll();
  }

  @Test
  void biosOfTwoPrioritiesAreTwoRequests() {
    assertThat(plug.start(task)).isTrue();
    submit(0, 0);
    submit(1, 0);
    submit(2, 2 << 13);
    plug.finish(task);
    assertThat(driver.calls()).containsExactly(2);
    assertThat(driver.priorities()).containsExactly(0, 2 << 13);
    poll();
  }

  @Test
  void aPlugInsideAnotherHoldsNothing() {
    assertThat(plug.start(task)).isTrue();
    assertThat(new Plug().start(task)).isFalse();
    assertThat(task.plug()).isSameAs(plug);
    assertThatThrownBy(() -> new Plug().finish(task)).isInstanceOf(AssertionError.class);
    submit(0, 0);
    assertThat(driver.calls()).isEmpty();
    plug.finish(task);
    assertThat(task.plug()).isNull();
    assertThat(driver.calls()).containsExactly(1);
    submit(0, 0);
    assertThat(driver.calls()).as("without a plug each bio is a call").containsExactly(1, 1);
    poll();
  }

  /** The hook of a plug may submit bios. They reach the driver before the task sleeps. */
  @Test
  void theHookRunsBeforeTheFlushOfASleepAndNotAfterTheEnd() {
    int[] hooks = new int[1];
    assertThat(plug.start(task)).isTrue();
    plug.setCallback(
        () -> {
          hooks[0]++;
          submit(8, 0);
        });
    submit(0, 0);
    task.aboutToSleep();
    assertThat(hooks[0]).isEqualTo(1);
    assertThat(driver.calls()).containsExactly(2);
    plug.finish(task);
    assertThat(plug.start(task)).isTrue();
    task.aboutToSleep();
    assertThat(hooks[0]).as("the next use of the plug has no hook").isEqualTo(1);
    plug.finish(task);
    poll();
  }
}

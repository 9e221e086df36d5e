// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import static io.pollux.iomap.IomapRig.BLOCK;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.Plug;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Kiocb;
import io.pollux.iomap.fixture.ExtentFile;
import io.pollux.uapi.Errno;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A task that waits until no direct I/O is in flight on a file. */
@Timeout(60)
class InodeDioWaitTest {
  private static final int LOOKS = 1000;

  private final IomapRig rig = new IomapRig();
  private final ExtentFile inode = rig.written(4);

  @AfterEach
  void close() {
    rig.close();
  }

  private int await(Task task, boolean interruptible) {
    return InodeDioWait.awaitNone(task, inode, rig.bdev, interruptible);
  }

  @Test
  void withoutDirectIoNothingIsPolled() {
    rig.current.sendSignal(2);
    assertThat(await(rig.current, true)).isZero();
    rig.current.deliverSignals();
    assertThat(rig.disk.polls()).isZero();
  }

  /** If the waiter left the request in the plug, the signal would end the wait. */
  @Test
  void theWaiterSubmitsItsOwnPluggedRequests() {
    Plug plug = new Plug();
    assertThat(plug.start(rig.current)).isTrue();
    Kiocb iocb = rig.async(inode, 0, Kiocb.IOCB_DIRECT);
    assertThat(rig.write(inode, inode, iocb, BLOCK)).isEqualTo(-Kiocb.EIOCBQUEUED);
    assertThat(inode.dioCount()).as("held back by the plug").isEqualTo(1);
    rig.current.sendSignal(2);
    int result = await(rig.current, true);
    plug.finish(rig.current);
    rig.current.deliverSignals();
    assertThat(result).isZero();
    assertThat(rig.completed).containsExactly((long) BLOCK);
  }

  @Test
  void anInterruptStopsOnlyAnInterruptibleWait() {
    inode.inodeDioBegin();
    rig.current.sendSignal(2);
    assertThat(await(rig.current, true)).isEqualTo(-Errno.EINTR);
    inode.inodeDioEnd();
    rig.disk.holdAgain();
    Kiocb iocb = rig.async(inode, 0, Kiocb.IOCB_DIRECT | Kiocb.IOCB_HIPRI);
    assertThat(rig.write(inode, inode, iocb, BLOCK)).isEqualTo(-Kiocb.EIOCBQUEUED);
    rig.disk.releaseAll();
    assertThat(await(rig.current, false)).isZero();
    rig.current.deliverSignals();
    assertThat(rig.completed).containsExactly((long) BLOCK);
  }

  @Test
  void theWaiterSleepsBetweenPollsThatFindNothing()
      throws InterruptedException, ExecutionException, TimeoutException {
    inode.inodeDioBegin();
    CompletableFuture<Thread> waiter = new CompletableFuture<>();
    CompletableFuture<Integer> result =
        rig.onOtherThread(
            task -> {
              waiter.complete(Thread.currentThread());
              return await(task, false);
            });
    Thread thread = waiter.get(30, TimeUnit.SECONDS);
    boolean slept = false;
    for (int i = 0; i < LOOKS && !slept; i++) {
      slept = thread.getState() == Thread.State.TIMED_WAITING;
      Thread.sleep(1);
    }
    inode.inodeDioEnd();
    assertThat(result.get(30, TimeUnit.SECONDS)).isZero();
    assertThat(slept).as("the waiter was seen asleep").isTrue();
    assertThat(rig.disk.polls()).isPositive();
  }
}

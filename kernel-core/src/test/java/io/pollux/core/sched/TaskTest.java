// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.sched;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Into the kernel and out of it. */
@Timeout(60)
class TaskTest {
  private final UserProcess process = new UserProcess();
  private final Task task = process.newTask();

  @Test
  void aFailedCallDoesNotKeepItsProcessFromExit() {
    assertThat(task.enterKernel()).isTrue();
    task.setPlug(() -> {});

    assertThatThrownBy(task::leaveKernel)
        .isInstanceOf(AssertionError.class)
        .hasMessage("left the kernel with a plug");

    task.setPlug(null);
    process.exit(); // waits for the threads in the kernel
    assertThat(task.enterKernel()).isFalse();
  }

  @Test
  void aTaskIsOfOneThread() throws InterruptedException {
    assertThat(task.enterKernel()).isTrue();
    task.leaveKernel();
    Thread other =
        new Thread(
            () -> assertThatThrownBy(task::enterKernel).isInstanceOf(IllegalStateException.class));
    Throwable[] thrown = new Throwable[1];
    other.setUncaughtExceptionHandler((thread, e) -> thrown[0] = e);
    other.start();
    other.join();
    assertThat(thrown[0]).isNull();
    process.exit();
  }

  /** One task waits, uninterruptibly, for another that can only be interrupted. */
  @Test
  void exitInterruptsAllTasksBeforeItWaitsForAny() throws InterruptedException {
    WaitQueue queue = new WaitQueue();
    AtomicBoolean secondLeft = new AtomicBoolean();
    CountDownLatch inside = new CountDownLatch(2);
    Task first = process.newTask();
    Task second = process.newTask();
    Thread waits =
        Thread.ofPlatform()
            .start(
                () -> {
                  first.enterKernel();
                  inside.countDown();
                  queue.waitUninterruptibly(secondLeft::get);
                  first.leaveKernel();
                });
    Thread sleeps =
        Thread.ofPlatform()
            .start(
                () -> {
                  second.enterKernel();
                  inside.countDown();
                  new WaitQueue().waitEvent(second, () -> false, WaitQueue.FOREVER);
                  secondLeft.set(true);
                  queue.wakeUp();
                  second.leaveKernel();
                });
    inside.await();

    process.exit();

    waits.join();
    sleeps.join();
  }

  @Test
  void theTextOfATaskNamesItsThreadAndState() {
    String thread = Thread.currentThread().getName();
    assertThat(task).hasToString("task without a thread");
    assertThat(task.enterKernel()).isTrue();
    task.setPlug(() -> {});
    task.sendSignal(2);
    assertThat(task)
        .hasToString("task of thread " + thread + ", in the kernel, pending signals 0x2, plugged");
    assertThat(process.describe()).containsExactly(task.toString());
    task.setPlug(null);
    task.leaveKernel();
    task.kill();
    assertThat(task).hasToString("task of thread " + thread + ", killed, pending signals 0x102");
    process.releaseTask(task);
    assertThat(task).hasToString("task of an exited thread");
    assertThat(process.describe()).isEmpty();
    process.exit();
  }

  @Test
  void aCallFromOutsideTheKernelIsReported() throws InterruptedException {
    assertThatThrownBy(task::checkInKernel)
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining(" calls the kernel with the task without a thread");
    assertThat(task.enterKernel()).isTrue();
    task.checkInKernel();
    Throwable[] thrown = new Throwable[1];
    Thread other = new Thread(task::checkInKernel);
    other.setUncaughtExceptionHandler((thread, e) -> thrown[0] = e);
    other.start();
    other.join();
    assertThat(thrown[0]).isInstanceOf(AssertionError.class);
    task.leaveKernel();
    assertThatThrownBy(task::checkInKernel)
        .isInstanceOf(AssertionError.class)
        .hasMessageStartingWith("a call from outside the kernel, by the task of thread ");
    Task kernelTask = process.newKernelTask();
    kernelTask.enterKernelThread();
    kernelTask.checkInKernel();
    process.exit();
  }
}

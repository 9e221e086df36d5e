// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.mm;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import org.junit.jupiter.api.Test;

/** Objects come back, from whichever thread frees them, and none is given out twice. */
class SlabTest {
  private static final class Thing extends Slab.Item {
    boolean inUse;
  }

  private static final Slab<Thing> SLAB = new Slab<>(Thing::new);

  @Test
  void anObjectComesBack() {
    UserProcess process = new UserProcess();
    Task task = process.newTask();
    assertThat(task.enterKernel()).isTrue();
    Thing first = SLAB.alloc(task);
    Thing second = SLAB.alloc(task);
    assertThat(second).isNotSameAs(first);
    Slab.free(first);
    assertThat(SLAB.alloc(task)).isSameAs(first);
    task.leaveKernel();
    process.exit();
  }

  @Test
  void aJavaProcessMayHaveAnyNumberOfSlabs() {
    UserProcess process = new UserProcess();
    Task task = process.newTask();
    assertThat(task.enterKernel()).isTrue();
    Thing early = SLAB.alloc(task);
    Slab.free(early);
    for (int i = 0; i < 500; i++) {
      Slab<Thing> slab = new Slab<>(Thing::new);
      Thing thing = slab.alloc(task);
      Slab.free(thing);
      assertThat(slab.alloc(task)).as("slab %d", i).isSameAs(thing);
    }
    assertThat(SLAB.alloc(task)).as("its magazine is kept").isSameAs(early);
    task.leaveKernel();
    process.exit();
  }

  @Test
  void whatAnotherThreadFreesComesBackOnceEach() throws InterruptedException {
    UserProcess process = new UserProcess();
    Task task = process.newTask();
    assertThat(task.enterKernel()).isTrue();
    BlockingQueue<Thing> toFree = new ArrayBlockingQueue<>(64);
    int rounds = 200_000;
    Thread completer =
        new Thread(
            () -> {
              try {
                for (int i = 0; i < rounds; i++) {
                  Thing thing = toFree.take();
                  thing.inUse = false;
                  Slab.free(thing);
                }
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            });
    completer.start();
    Set<Thing> seen = new HashSet<>();
    for (int i = 0; i < rounds; i++) {
      Thing thing = SLAB.alloc(task);
      assertThat(thing.inUse).as("given out twice").isFalse();
      thing.inUse = true;
      seen.add(thing);
      toFree.put(thing);
    }
    completer.join();
    List<Thing> rest = new ArrayList<>();
    for (int i = 0; i < seen.size(); i++) {
      rest.add(SLAB.alloc(task));
    }
    assertThat(new HashSet<>(rest)).as("all of them are there again").isEqualTo(seen);
    task.leaveKernel();
    process.exit();
  }
}

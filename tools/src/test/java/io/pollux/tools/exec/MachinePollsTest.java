// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.exec;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.Oops;
import io.pollux.tools.exec.MachineDuplicates.Duplicate;
import io.pollux.uapi.Errno;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The thread that watches host files, over a host whose calls are Java. */
@Timeout(60)
final class MachinePollsTest {
  private static final int EPOLL = 5;

  private final CountDownLatch waitFails = new CountDownLatch(1);
  private final List<Long> closed = Collections.synchronizedList(new ArrayList<>());
  private final List<String> reports = Collections.synchronizedList(new ArrayList<>());

  @AfterEach
  void standardError() {
    Oops.setSink(null);
  }

  /** A host call. Must not throw: its caller is C. */
  long call(long nr, long a0, long a1, long a2, long a3, long a4, long a5) {
    return switch ((int) nr) {
      case Machine.EPOLL_CREATE1 -> EPOLL;
      case Machine.FCNTL -> a0 + 900;
      case Machine.GETTID -> 1;
      case Machine.CLOSE -> {
        closed.add(a0);
        yield 0;
      }
      case Machine.EPOLL_WAIT -> {
        try {
          waitFails.await();
          yield -Errno.EBADF;
        } catch (InterruptedException e) {
          yield -Errno.EINTR;
        }
      }
      default -> 0;
    };
  }

  @SuppressWarnings("restricted") // C that is Java
  private Machine machine() throws ReflectiveOperationException {
    Class<?>[] words = Collections.nCopies(7, long.class).toArray(Class<?>[]::new);
    ValueLayout.OfLong word = ValueLayout.JAVA_LONG;
    FunctionDescriptor type = FunctionDescriptor.of(word, word, word, word, word, word, word, word);
    return new Machine(
        Linker.nativeLinker()
            .upcallStub(
                MethodHandles.lookup().bind(this, "call", MethodType.methodType(long.class, words)),
                type,
                Arena.global()));
  }

  @Test
  void anErrorOfTheWaitIsReportedOnceAndWakesAllWaiters() throws Exception {
    Oops.setSink((sentence, thrown) -> reports.add(sentence));
    Machine machine = machine();
    List<Thread> started = new ArrayList<>();
    ThreadFactory threads =
        loop -> {
          started.add(new Thread(loop));
          return started.getLast();
        };
    MachinePolls polls = new MachinePolls(machine, machine(), threads);
    MachineDuplicates duplicates = new MachineDuplicates(machine, machine(), polls);
    Duplicate one = requireNonNull(duplicates.hold(7));
    Duplicate other = requireNonNull(duplicates.hold(8));
    assertThat(polls.watch(one)).isZero();
    assertThat(polls.watch(other)).isZero();
    assertThat(polls.hasFailed()).isFalse();
    waitFails.countDown();
    started.getFirst().join();
    assertThat(polls.hasFailed()).isTrue();
    assertThat(one.seen()).isEqualTo(1);
    assertThat(other.seen()).isEqualTo(1);
    assertThat(reports).hasSize(1);
    assertThat(polls.watch(one)).isEqualTo(-Errno.EIO);
    assertThat(polls.watch(requireNonNull(duplicates.hold(9)))).isEqualTo(-Errno.EIO);
    duplicates.release(one);
    assertThat(closed).contains(907L);
  }

  @Test
  void aHostWithoutAThreadFailsTheWatch() throws Exception {
    Machine machine = machine();
    ThreadFactory none =
        loop -> {
          throw new OutOfMemoryError("unable to create native thread");
        };
    MachinePolls polls = new MachinePolls(machine, machine(), none);
    Duplicate file = requireNonNull(new MachineDuplicates(machine, machine(), polls).hold(7));
    assertThat(polls.watch(file)).isEqualTo(-Errno.EAGAIN);
    assertThat(polls.watch(file)).as("the next request tries again").isEqualTo(-Errno.EAGAIN);
    assertThat(closed).as("the set and its duplicate, twice").containsExactly(5L, 905L, 5L, 905L);
  }
}

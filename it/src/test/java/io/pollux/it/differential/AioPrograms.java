// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.differential;

import io.pollux.it.differential.AioProgram.Address;
import io.pollux.it.differential.AioProgram.Cancel;
import io.pollux.it.differential.AioProgram.Context;
import io.pollux.it.differential.AioProgram.Count;
import io.pollux.it.differential.AioProgram.Descriptor;
import io.pollux.it.differential.AioProgram.Destroy;
import io.pollux.it.differential.AioProgram.EventfdRead;
import io.pollux.it.differential.AioProgram.EventfdWrite;
import io.pollux.it.differential.AioProgram.Extent;
import io.pollux.it.differential.AioProgram.Fault;
import io.pollux.it.differential.AioProgram.GetEvents;
import io.pollux.it.differential.AioProgram.Mask;
import io.pollux.it.differential.AioProgram.Operation;
import io.pollux.it.differential.AioProgram.Options;
import io.pollux.it.differential.AioProgram.Request;
import io.pollux.it.differential.AioProgram.Setup;
import io.pollux.it.differential.AioProgram.Step;
import io.pollux.it.differential.AioProgram.Submit;
import io.pollux.it.differential.AioProgram.Timeout;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.PollBits;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.Tuple;

/**
 * Makes programs up. Most of what they do is right, so that they get somewhere; each value shrinks
 * to what is plainest.
 */
final class AioPrograms {
  private AioPrograms() {}

  static Arbitrary<AioProgram> programs() {
    return Arbitraries.of(false, true).flatMap(AioPrograms::programs);
  }

  private static Arbitrary<AioProgram> programs(boolean buffered) {
    return steps(buffered)
        .list()
        .ofMinSize(1)
        .ofMaxSize(AioProgram.MAX_STEPS - 1)
        .map(
            rest -> {
              List<Step> steps = new ArrayList<>();
              steps.add(new Setup(Context.FIRST, 64, Address.GOOD));
              steps.addAll(rest);
              return new AioProgram(List.copyOf(steps));
            });
  }

  private static Arbitrary<Step> steps(boolean buffered) {
    return Arbitraries.frequencyOf(
        Tuple.of(10, submit(buffered)),
        Tuple.of(6, getEvents()),
        Tuple.of(2, setup()),
        Tuple.of(2, destroy()),
        Tuple.of(3, cancel()),
        Tuple.of(4, eventfdWrite()),
        Tuple.of(1, Arbitraries.of(Descriptor.EVENTFDS).map(EventfdRead::new)));
  }

  /** Contexts: mostly the one that is there. */
  private static Arbitrary<Context> contexts() {
    return Arbitraries.frequencyOf(
        Tuple.of(20, Arbitraries.just(Context.FIRST)),
        Tuple.of(4, Arbitraries.of(Context.SLOTS)),
        Tuple.of(1, Arbitraries.of(Context.class)));
  }

  /** Addresses: mostly good. */
  private static Arbitrary<Address> addresses() {
    return Arbitraries.frequencyOf(
        Tuple.of(16, Arbitraries.just(Address.GOOD)), Tuple.of(1, Arbitraries.of(Address.class)));
  }

  private static Arbitrary<Step> setup() {
    Arbitrary<Integer> good = Arbitraries.of(64, 1, 2, 7, 127, 128, 1000);
    Arbitrary<Integer> bad = Arbitraries.of(0, 65_537, 4_194_304, 4_194_305, Integer.MAX_VALUE, -1);
    Arbitrary<Integer> nr = Arbitraries.frequencyOf(Tuple.of(4, good), Tuple.of(1, bad));
    return Combinators.combine(Arbitraries.of(Context.SLOTS), nr, addresses()).as(Setup::new);
  }

  private static Arbitrary<Step> destroy() {
    return Combinators.combine(contexts(), Arbitraries.of(false, true)).as(Destroy::new);
  }

  private static Arbitrary<Step> getEvents() {
    Arbitrary<Long> odd =
        Arbitraries.of(-1L, 0L, 1L, 2L, 64L, 1000L, Long.MAX_VALUE, Long.MIN_VALUE);
    Arbitrary<Tuple.Tuple2<Long, Long>> counts =
        Arbitraries.frequencyOf(
            Tuple.of(
                8,
                Combinators.combine(
                        Arbitraries.of(0L, 1L, 2L, 3L, 5L), Arbitraries.of(0L, 1L, 2L, 10L))
                    .as((min, more) -> Tuple.of(min, min + more))),
            Tuple.of(1, Combinators.combine(odd, odd).as(Tuple::of)));
    Arbitrary<Mask> masks =
        Arbitraries.frequencyOf(
            Tuple.of(4, Arbitraries.just(Mask.NOT_ASKED)), Tuple.of(1, Arbitraries.of(Mask.class)));
    Arbitrary<Timeout> timeouts =
        Arbitraries.frequencyOf(
            Tuple.of(8, Arbitraries.of(Timeout.ZERO, Timeout.NONE)),
            Tuple.of(3, Arbitraries.of(Timeout.class)));
    return Combinators.combine(contexts(), counts, timeouts, addresses(), masks)
        .as(
            (ctx, minNr, timeout, array, mask) ->
                new GetEvents(ctx, minNr.get1(), minNr.get2(), timeout, array, mask));
  }

  private static Arbitrary<Step> cancel() {
    return Combinators.combine(
            contexts(),
            Arbitraries.of(true, true, true, false),
            Arbitraries.integers().between(0, 20),
            addresses())
        .as(Cancel::new);
  }

  /**
   * Numbers near the largest go only where no completion adds to them, because the order of the two
   * additions is undefined.
   */
  private static Arbitrary<Step> eventfdWrite() {
    Arbitrary<Long> small = Arbitraries.of(1L, 5L, -1L);
    return Arbitraries.oneOf(
        Combinators.combine(
                Arbitraries.just(Descriptor.WRITTEN_EVENTFD), Arbitraries.of(1L, 5L, -2L, -3L, -1L))
            .as(EventfdWrite::new),
        Combinators.combine(Arbitraries.just(Descriptor.SIGNALLED_EVENTFD), small)
            .as(EventfdWrite::new),
        Combinators.combine(
                Arbitraries.just(Descriptor.COUNTING_EVENTFD),
                Arbitraries.oneOf(small, Arbitraries.just(0L)))
            .as(EventfdWrite::new));
  }

  // Requests.

  private static Arbitrary<Step> submit(boolean buffered) {
    Arbitrary<Count> counts =
        Arbitraries.frequencyOf(
            Tuple.of(10, Arbitraries.just(Count.EXACT)), Tuple.of(2, Arbitraries.of(Count.class)));
    return Combinators.combine(
            contexts(),
            counts,
            addresses(),
            requests(buffered).list().ofMinSize(1).ofMaxSize(AioProgram.MAX_BATCH))
        .as(Submit::new);
  }

  private static Arbitrary<Request> requests(boolean buffered) {
    Arbitrary<Operation> operations =
        Arbitraries.frequency(
            Tuple.of(24, Operation.PREAD),
            Tuple.of(24, Operation.PWRITE),
            Tuple.of(16, Operation.PREADV),
            Tuple.of(16, Operation.PWRITEV),
            Tuple.of(8, Operation.FSYNC),
            Tuple.of(8, Operation.FDSYNC),
            Tuple.of(40, Operation.POLL),
            Tuple.of(1, Operation.NOOP),
            Tuple.of(1, Operation.UNKNOWN_4),
            Tuple.of(1, Operation.UNKNOWN_99),
            Tuple.of(1, Operation.UNKNOWN_MINUS_1));
    Arbitrary<Fault> fault = Arbitraries.of(Fault.class);
    Arbitrary<Set<Fault>> faults =
        Arbitraries.frequencyOf(
            Tuple.of(24, Arbitraries.just(Set.of())),
            Tuple.of(4, fault.set().ofSize(1)),
            Tuple.of(1, fault.set().ofSize(2)));
    return operations.flatMap(
        operation ->
            Combinators.combine(files(operation, buffered), extents(), faults, options(buffered))
                .as(
                    (file, extent, wrong, options) ->
                        new Request(operation, file, extent, wrong, separate(operation, options)))
                .filter(request -> IntendedDifference.none(request) && sane(request)));
  }

  private static Arbitrary<Descriptor> files(Operation operation, boolean buffered) {
    Descriptor usual = buffered ? Descriptor.BUFFERED : Descriptor.DIRECT;
    Arbitrary<Descriptor> any =
        Arbitraries.of(Descriptor.class).filter(file -> buffered || file != Descriptor.BUFFERED);
    if (operation == Operation.POLL) {
      Arbitrary<Descriptor> polled =
          Arbitraries.of(Descriptor.WRITTEN_EVENTFD, Descriptor.SIGNALLED_EVENTFD);
      return Arbitraries.frequencyOf(
          Tuple.of(15, polled),
          Tuple.of(1, any.filter(file -> file != Descriptor.COUNTING_EVENTFD)));
    }
    return Arbitraries.frequencyOf(
        Tuple.of(12, Arbitraries.just(Descriptor.DIRECT)),
        Tuple.of(6, Arbitraries.just(usual)),
        Tuple.of(1, any));
  }

  private static Arbitrary<Extent> extents() {
    int sectors = AioProgram.DISK_BYTES / AioProgram.SECTOR;
    return Combinators.combine(
            Arbitraries.integers().between(0, sectors - 1),
            Arbitraries.integers().between(0, 15),
            Arbitraries.integers().between(1, 4))
        .as(Extent::new);
  }

  private static Arbitrary<Options> options(boolean buffered) {
    Arbitrary<Integer> rwFlags =
        Arbitraries.frequency(
            Tuple.of(40, 0),
            Tuple.of(1, AioAbi.RWF_HIPRI),
            Tuple.of(1, AioAbi.RWF_DSYNC),
            Tuple.of(1, AioAbi.RWF_SYNC),
            Tuple.of(1, AioAbi.RWF_DSYNC | AioAbi.RWF_HIPRI),
            Tuple.of(1, buffered ? 0 : AioAbi.RWF_NOWAIT),
            Tuple.of(1, buffered ? 0 : AioAbi.RWF_NOWAIT | AioAbi.RWF_DSYNC),
            Tuple.of(1, AioAbi.RWF_APPEND),
            Tuple.of(1, 1 << 12),
            Tuple.of(1, Integer.MIN_VALUE));
    Arbitrary<Integer> level = Arbitraries.integers().between(0, 7);
    Arbitrary<Integer> ioprio =
        Arbitraries.frequencyOf(
            Tuple.of(20, Arbitraries.just(-1)),
            Tuple.of(
                4,
                Combinators.combine(Arbitraries.of(1, 2, 3), level)
                    .as((kind, data) -> kind << 13 | data)),
            Tuple.of(1, Combinators.combine(level, level).as((kind, data) -> kind << 13 | data)),
            Tuple.of(1, Arbitraries.integers().between(0, 0xffff)));
    Arbitrary<Integer> aioFlags =
        Arbitraries.frequency(Tuple.of(20, 0), Tuple.of(1, 8), Tuple.of(1, Integer.MIN_VALUE));
    Arbitrary<Descriptor> resfd =
        Arbitraries.frequency(
            Tuple.of(6, Descriptor.CLOSED),
            Tuple.of(1, Descriptor.SIGNALLED_EVENTFD),
            Tuple.of(1, Descriptor.COUNTING_EVENTFD));
    Arbitrary<Integer> masks =
        Arbitraries.frequencyOf(
            Tuple.of(
                6,
                Arbitraries.of(
                    PollBits.POLLIN,
                    PollBits.POLLIN,
                    PollBits.POLLOUT,
                    PollBits.POLLIN | PollBits.POLLOUT,
                    0)),
            Tuple.of(1, Arbitraries.integers().between(0, 0xffff)));
    return Combinators.combine(rwFlags, ioprio, aioFlags, resfd, masks).as(Options::new);
  }

  /**
   * A kernel thread completes FSYNC and FDSYNC, so they signal only an eventfd that is not polled.
   */
  private static Options separate(Operation operation, Options options) {
    boolean later = operation.isSync() && options.resfd() == Descriptor.SIGNALLED_EVENTFD;
    Descriptor resfd = later ? Descriptor.COUNTING_EVENTFD : options.resfd();
    return new Options(
        options.rwFlags(), options.ioprio(), options.aioFlags(), resfd, options.pollMask());
  }

  /**
   * Whether an eventfd is writable is told only where no completion signals it: else it depends on
   * which of both is first.
   */
  private static boolean sane(Request request) {
    return request.operation() != Operation.POLL
        || request.file() != Descriptor.SIGNALLED_EVENTFD
        || (request.options().pollMask() & PollBits.POLLOUT) == 0;
  }
}

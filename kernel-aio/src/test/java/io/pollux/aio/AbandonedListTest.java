// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.Oops;
import io.pollux.core.fixture.FakeFile;
import io.pollux.core.fixture.FakeInode;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileTable;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.Fcntl;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Requests that a device may still have keep their files until they are complete. */
@Timeout(60)
class AbandonedListTest {
  private final UserProcess process = new UserProcess();
  private final Task task = process.newTask();
  private final FileTable files = new FileTable();
  private final FakeFile disk = FakeFile.immediate(1 << 20);
  private final AbandonedList list = new AbandonedList();
  private final List<AioKiocb> requests = new ArrayList<>();

  @AfterEach
  void nothingIsOpen() {
    list.putAll();
    assertThat(files.nrFiles()).isZero();
    process.exit();
  }

  private AioKiocb add() {
    File file = FakeInode.open(files, disk, Fcntl.O_RDWR | Fcntl.O_DIRECT);
    AioKiocb req = AioKiocb.SLAB.alloc(task);
    req.init(file, null);
    requests.add(req); // the device has it
    list.add(req, file);
    return req;
  }

  @Test
  void aSweepPutsTheFilesOfCompleteRequests() {
    for (int i = 0; i < 5; i++) {
      add();
    }
    list.sweep();
    assertThat(files.nrFiles()).isEqualTo(5);
    requests.get(2).markPolled(0, 0); // in the middle
    requests.get(4).markPolled(0, 0); // the newest
    list.sweep();
    assertThat(files.nrFiles()).isEqualTo(3);
    requests.get(0).markPolled(0, 0); // the oldest
    list.sweep();
    assertThat(files.nrFiles()).isEqualTo(2);
    list.sweep();
    assertThat(files.nrFiles()).isEqualTo(2);
    list.putAll();
    assertThat(files.nrFiles()).isZero();
  }

  @Test
  void aRequestThatIsCompleteWhenItIsAddedIsPutAtOnce() {
    add();
    File file = FakeInode.open(files, disk, Fcntl.O_RDWR);
    AioKiocb req = AioKiocb.SLAB.alloc(task);
    req.markPolled(0, 0);
    list.add(req, file);
    assertThat(files.nrFiles()).isEqualTo(1);
  }

  @Test
  void everySixtyFourthRequestSweeps() {
    for (int i = 0; i < 63; i++) {
      add();
    }
    for (int i = 0; i < 62; i++) {
      requests.get(i).markPolled(0, 0);
    }
    assertThat(files.nrFiles()).as("without a sweep").isEqualTo(63);
    add();
    assertThat(files.nrFiles()).isEqualTo(2);
  }

  @Test
  void manyRequestsAreSweptOnlyWhenTheyHaveDoubled() {
    for (int i = 0; i < 64; i++) {
      add();
    }
    requests.get(0).markPolled(0, 0);
    for (int i = 64; i < 127; i++) {
      add();
    }
    assertThat(files.nrFiles()).isEqualTo(127);
    add();
    assertThat(files.nrFiles()).isEqualTo(127);
  }

  @Test
  void aDrainPollsForPolledRequests() {
    List<Kiocb> polled = new ArrayList<>();
    disk.onIopoll(
        (iocb, spin) -> {
          polled.add(iocb);
          return FakeFile.complete(iocb, 0);
        });
    for (int i = 0; i < 3; i++) {
      AioKiocb req = add();
      req.kiFlags |= Kiocb.IOCB_HIPRI;
      req.kiComplete = (iocb, res, res2) -> ((AioKiocb) iocb).markPolled(res, res2);
    }
    requests.get(1).markPolled(0, 0);
    list.drain();
    assertThat(polled).containsExactlyInAnyOrder(requests.get(0), requests.get(2));
    assertThat(files.nrFiles()).isZero();
  }

  @Test
  void aFileWhoseIopollThrowsIsReportedAndPolledAgain() {
    List<String> reports = new ArrayList<>();
    Oops.Sink listener = (sentence, thrown) -> reports.add(sentence + ": " + thrown);
    AtomicInteger polls = new AtomicInteger();
    disk.onIopoll(
        (iocb, spin) -> {
          if (polls.getAndIncrement() == 0) {
            throw new IllegalStateException("a mistake");
          }
          return FakeFile.complete(iocb, 0);
        });
    AioKiocb req = add();
    req.kiFlags |= Kiocb.IOCB_HIPRI;
    req.kiComplete = (iocb, res, res2) -> ((AioKiocb) iocb).markPolled(res, res2);
    Oops.addListener(listener);
    try {
      list.drain();
    } finally {
      Oops.removeListener(listener);
    }
    assertThat(polls).hasValue(2);
    assertThat(reports)
        .singleElement()
        .asString()
        .contains("the iopoll of a file", "a mistake", "it is retried, and then abandoned");
    assertThat(files.nrFiles()).isZero();
  }
}

// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.ramfs.Ramfs;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.StatMode;
import java.util.concurrent.atomic.AtomicInteger;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.IIZ_Result;

/**
 * close() drops the last reference while another thread looks the file up: the file is released
 * once, and never while the other thread has it. r1: whether the lookup got it; r2: releases seen
 * while it had it; r3: released once in the end.
 */
@JCStressTest
@State
@Outcome(
    id = {"0, 0, true", "1, 0, true"},
    expect = Expect.ACCEPTABLE,
    desc = "refused, or released afterwards")
@Outcome(expect = Expect.FORBIDDEN, desc = "released under a holder, twice, or never")
public class FileReferenceStress {
  private static final Ramfs FS = new Ramfs(1);

  private final AtomicInteger releases = new AtomicInteger();
  private final File file =
      new File(new FileTable(), new Countable(releases), null, Fcntl.O_RDONLY);

  private static final class Countable extends Inode {
    private final FileOperations ops;

    Countable(AtomicInteger releases) {
      super(FS, 3, StatMode.S_IFREG);
      ops =
          new FileOperations() {
            @Override
            public void release(File file) {
              releases.getAndIncrement();
            }
          };
    }

    @Override
    public long size() {
      return 0;
    }

    @Override
    public FileOperations fop() {
      return ops;
    }

    @Override
    protected void getattr(Task current, long stat) {}
  }

  /** Drops the descriptor's reference. */
  @Actor
  public void closes() {
    file.fput();
  }

  /** Takes two references as a batch does, and drops them. */
  @Actor
  public void getsMany(IIZ_Result r) {
    if (file.getMany(2)) {
      r.r1 = 1;
      r.r2 = releases.get();
      file.fputMany(2);
    }
  }

  /** Counts. */
  @Arbiter
  public void counts(IIZ_Result r) {
    r.r3 = releases.get() == 1;
  }
}

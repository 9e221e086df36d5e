// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import io.pollux.block.BlockDevice;
import io.pollux.block.bdev.FileSystemType;
import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.core.ramfs.Ramfs;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.SuperBlock;
import io.pollux.uapi.Errno;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.Consumer;

/**
 * A filesystem that keeps its files in memory, and does wrong what its options say: {@code
 * throw=mount}, {@code throw=root}, {@code throw=unmount}, {@code null}, {@code careless}.
 */
public final class Toy implements FileSystemType {
  /** What happened, of all toys. */
  static final List<String> EVENTS = Collections.synchronizedList(new ArrayList<>());

  /** Creates the provider. */
  public Toy() {}

  @Override
  public String name() {
    return "toy";
  }

  @Override
  public boolean recognises(MemorySegment head) {
    throw new IllegalStateException("a toy recognises nothing");
  }

  @Override
  @SuppressWarnings("NullAway") // returns null if told to
  public SuperBlock mount(Task current, BlockDevice bdev, boolean readOnly, Options options)
      throws ErrnoException {
    String wrong = options.text("throw");
    boolean nothing = options.flag("null");
    if (!options.flag("careless")) {
      options.requireAllKnown("toy");
    }
    if ("mount".equals(wrong)) {
      throw new IllegalStateException("a toy\nbroke");
    }
    return nothing ? null : new Files(bdev, readOnly, wrong == null ? "" : wrong);
  }

  @Override
  public void mkfs(Task current, BlockDevice bdev, Options options) throws ErrnoException {
    String wrong = options.text("throw");
    options.requireAllKnown("toy");
    if (wrong != null) {
      throw new IllegalStateException("no mkfs");
    }
    EVENTS.add("mkfs " + bdev.name());
  }

  @Override
  public void check(Task current, BlockDevice bdev, Options options, Consumer<String> damage) {
    damage.accept("a block is in two files");
  }

  private static final class Files extends SuperBlock {
    private final BlockDevice bdev;
    private final Ramfs files;
    private final String wrong;

    Files(BlockDevice bdev, boolean readOnly, String wrong) {
      super(bdev.dev(), readOnly);
      this.bdev = bdev;
      this.wrong = wrong;
      files = new Ramfs(bdev.dev());
    }

    @Override
    public Inode root() {
      if (wrong.equals("root")) {
        throw new IllegalStateException("no root");
      }
      return files.root();
    }

    @Override
    protected void statfs(Task task, long statfs) {}

    @Override
    public int sync(Task task) {
      EVENTS.add("sync " + bdev.name());
      return 0;
    }

    @Override
    public void remount(Task task, boolean toReadOnly, Options options) throws ErrnoException {
      boolean fails = options.flag("fails");
      options.requireAllKnown("toy");
      if (fails) {
        throw new IllegalStateException("no remount");
      }
    }

    @Override
    public void unmount(Task task) throws ErrnoException {
      EVENTS.add("unmount " + bdev.name());
      files.unmount(task);
      if (wrong.equals("unmount")) {
        throw new ErrnoException(Errno.EIO, "the last write failed");
      }
    }
  }
}

// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.Debug;
import io.pollux.uapi.LinuxSource;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Counts the open files and the file locks of a kernel. With {@link Debug#ON} it also records the
 * files, for {@link #describe}.
 */
@LinuxSource(file = "fs/file_table.c", name = "nr_files")
public final class FileTable {
  /** Maximum number of file locks of all programs. */
  public static final int MAX_LOCKS = 65_536;

  private final AtomicLong nrFiles = new AtomicLong();
  private final AtomicInteger nrLocks = new AtomicInteger();
  private final AtomicLong nrOpened = new AtomicLong(); // counted only if files are recorded
  private final @Nullable Map<File, Opened> files; // the open ones, or null if not recorded

  /** Creates a table without files. */
  public FileTable() {
    this(Debug.ON);
  }

  /** Creates a table that records open files, or only counts them. */
  FileTable(boolean records) {
    files = records ? new ConcurrentHashMap<>() : null;
  }

  /**
   * The record of an open file.
   *
   * @param number in order of opening
   * @param thread the name of the thread that opened it
   * @param fds its descriptors, of all processes
   */
  private record Opened(long number, String thread, List<Integer> fds) {}

  void opened(File file) {
    nrFiles.getAndIncrement();
    if (files != null) {
      String thread = Thread.currentThread().getName();
      files.put(file, new Opened(nrOpened.getAndIncrement(), thread, new CopyOnWriteArrayList<>()));
    }
  }

  /** Records that a file got a descriptor. */
  void installed(File file, int fd) {
    Opened opened = files == null ? null : files.get(file);
    if (opened != null) {
      opened.fds.add(fd);
    }
  }

  /** Records that a descriptor no longer refers to a file. */
  void uninstalled(File file, int fd) {
    Opened opened = files == null ? null : files.get(file);
    if (opened != null) {
      opened.fds.remove((Integer) fd);
    }
  }

  void closed(File file) {
    if (files != null) {
      files.remove(file);
    }
    long left = nrFiles.decrementAndGet();
    assert left >= 0 : "more files released than opened";
  }

  /**
   * Adds taken locks to the count; a negative number subtracts released ones. Returns false above
   * the limit, without counting.
   */
  boolean chargeLocks(int more) {
    if (nrLocks.addAndGet(more) > MAX_LOCKS && more > 0) {
      nrLocks.addAndGet(-more);
      return false;
    }
    return true;
  }

  /** Returns the number of open files. */
  public long nrFiles() {
    return nrFiles.get();
  }

  /**
   * Lists the open files, for a dump. From any context; files that are opened or closed meanwhile
   * may be missing.
   *
   * @return a line for each open file, in order of opening: its text, descriptors that are not in
   *     the text, and the thread that opened it. One line with the number of files if they are not
   *     recorded ({@link Debug#ON}). Empty if no file is open.
   */
  public List<String> describe() {
    if (files == null) {
      long count = nrFiles();
      return count == 0
          ? List.of()
          : List.of("open files: " + count + ", listed with -D" + Debug.PROPERTY + "=true");
    }
    List<Map.Entry<File, Opened>> open = new ArrayList<>(files.entrySet());
    open.sort(Comparator.comparingLong(entry -> entry.getValue().number));
    List<String> lines = new ArrayList<>();
    for (Map.Entry<File, Opened> entry : open) {
      Opened opened = entry.getValue();
      List<Integer> fds = List.copyOf(opened.fds);
      boolean known = fds.isEmpty() || fds.equals(List.of(entry.getKey().fd())); // from the text
      lines.add(
          entry.getKey()
              + (known ? "" : ", descriptors " + fds)
              + ", opened by thread "
              + opened.thread);
    }
    return lines;
  }
}

// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.tools.console.Console;
import io.pollux.tools.console.Terminal;
import io.pollux.tools.image.Target;
import io.pollux.tools.image.Tree;
import io.pollux.uapi.Errno;
import io.pollux.uapi.StatMode;
import io.pollux.userland.DirEntry;
import io.pollux.userland.FileStatus;
import io.pollux.userland.PathName;
import io.pollux.userland.SyscallException;
import io.pollux.userland.UserFiles;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** pollux ls: lists the names in a directory of an image, one per line, sorted as bytes. */
@Command(
    name = "ls",
    sortOptions = false,
    description = "Lists directories of an image: all names except . and .., one per line.")
final class LsCommand implements Callable<Integer> {
  private final Console console;

  @Parameters(
      paramLabel = "PATH",
      description = "Directories, or files. Default: the root, or --file.")
  private final List<String> paths = new ArrayList<>();

  @Option(
      names = {"-l", "--long"},
      description = "Print type and mode, links, owner, size, time (UTC), symlink target.")
  private boolean longForm;

  @Option(
      names = {"-h", "--human-readable"},
      description = "With -l: print sizes in KiB, MiB, GiB.")
  private boolean human;

  @Option(
      names = {"-R", "--recursive"},
      description = "List subdirectories too.")
  private boolean recursive;

  @Mixin private final TargetOptions target = new TargetOptions();
  @Mixin final CommonOptions common = new CommonOptions();

  LsCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    try (Target opened = target.open(false);
        UserFiles files = new UserFiles(opened.program())) {
      return new Lister(opened, files).list();
    }
  }

  /** Lists paths of one image. */
  private final class Lister {
    private final boolean escaped = Terminal.isOutput();
    private final Target opened;
    private final UserFiles files;
    private final Tree tree;
    private final PathWork work = new PathWork(console);
    private boolean first = true;

    Lister(Target opened, UserFiles files) {
      this.opened = opened;
      this.files = files;
      this.tree = new Tree(opened, files);
    }

    int list() {
      List<PathName> wanted = new ArrayList<>(paths.stream().map(PathName::of).toList());
      if (wanted.isEmpty()) {
        wanted.add(target.spec().file() == null ? opened.root() : opened.file(files));
      }
      List<PathName> plain = new ArrayList<>();
      List<PathName> directories = new ArrayList<>();
      for (PathName path : wanted) {
        work.on(path, () -> (isDirectory(path) ? directories : plain).add(path));
      }
      lines(plain, plain);
      boolean titled = recursive || wanted.size() > 1;
      for (PathName directory : directories) {
        listAll(directory, titled);
      }
      return work.status();
    }

    private boolean isDirectory(PathName path) {
      try {
        return files.stat(opened.inKernel(path)).is(StatMode.S_IFDIR);
      } catch (SyscallException e) {
        if (e.errno() != Errno.ENOENT && e.errno() != Errno.ELOOP) {
          throw e;
        }
        files.lstat(opened.inKernel(path)); // a dangling symlink is listed as itself
        return false;
      }
    }

    private void listAll(PathName from, boolean titled) {
      Deque<PathName> pending = new ArrayDeque<>();
      pending.push(from);
      while (!pending.isEmpty()) {
        PathName directory = pending.pop();
        work.on(
            directory,
            () -> {
              if (tree.enter(directory)) {
                listOne(directory, titled).reversed().forEach(pending::push);
              }
            });
      }
    }

    /** Lists a directory. Returns the subdirectories that are to be listed too. */
    private List<PathName> listOne(PathName directory, boolean titled) {
      List<PathName> names = new ArrayList<>();
      List<PathName> entries = new ArrayList<>();
      List<PathName> below = new ArrayList<>();
      for (DirEntry entry : tree.list(directory)) {
        if (!entry.name().isDots()) {
          PathName path = directory.resolve(entry.name());
          names.add(entry.name());
          entries.add(path);
          if (recursive && isRealDirectory(entry, path)) {
            below.add(path);
          }
        }
      }
      if (titled) {
        console.print(first ? "" : "\n");
        write(directory, ":\n");
      }
      lines(names, entries);
      first = false;
      return below;
    }

    private boolean isRealDirectory(DirEntry entry, PathName path) {
      if (entry.type() != StatMode.DT_UNKNOWN) {
        return entry.type() == StatMode.DT_DIR && entry.name().isPlainName();
      }
      try {
        return files.lstat(opened.inKernel(path)).is(StatMode.S_IFDIR);
      } catch (SyscallException e) {
        return false; // the listing of the entry reports the error
      }
    }

    /** Writes names, or the long format with -l. */
    private void lines(List<PathName> names, List<PathName> at) {
      LongListing listing = new LongListing(human);
      List<PathName> listed = new ArrayList<>();
      for (int i = 0; i < names.size(); i++) {
        PathName name = names.get(i);
        PathName path = at.get(i);
        if (longForm) {
          work.on(
              path,
              () -> {
                FileStatus status = files.lstat(opened.inKernel(path));
                PathName link =
                    status.is(StatMode.S_IFLNK) ? files.readlink(opened.inKernel(path)) : null;
                listing.add(status, link);
                listed.add(name);
              });
        } else {
          write(name, "\n");
        }
      }
      for (int i = 0; i < listed.size(); i++) {
        console.print(listing.columns(i));
        PathName link = listing.link(i);
        write(listed.get(i), link == null ? "\n" : " -> ");
        if (link != null) {
          write(link, "\n");
        }
      }
      first = first && names.isEmpty();
    }

    /** Writes a name unchanged or, on a terminal, with control characters escaped. */
    private void write(PathName name, String end) {
      if (escaped) {
        console.print(name.toString());
      } else {
        console.write(name.bytes());
      }
      console.print(end);
    }
  }
}

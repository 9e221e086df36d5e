// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit.suite;

import static io.pollux.testkit.CallAssert.assertThatCall;
import static io.pollux.testkit.suite.Feature.ALLOCATE;
import static io.pollux.testkit.suite.Feature.CREATE;
import static io.pollux.testkit.suite.Feature.DIRECTORIES;
import static io.pollux.testkit.suite.Feature.RENAME;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.testkit.suite.Calls.Entry;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.StatMode;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** Directories, and their entries while they change. */
abstract class DirectoryBehaviours extends LinkBehaviours {
  private static final int DIRECTORY = O_RDONLY | Fcntl.O_DIRECTORY;
  private static final int SMALL = 300; // a name of 255 bytes fits
  private static final int LARGE = 1 << 15;

  @Test
  void aListingHasDotsAndEachNameOnce() {
    Sample sample = sample(PAGE);
    List<String> names = fs.list("").stream().map(Entry::name).toList();
    assertThat(names).doesNotHaveDuplicates().contains(".", "..");
    String top = sample.path().substring(sample.path().startsWith("/") ? 1 : 0).split("/", 2)[0];
    assertThat(names).contains(top);
  }

  @Test
  void anEntryHasTheTypeAndTheNumberOfItsFile() {
    sample(PAGE);
    for (Entry entry : fs.list("")) {
      if (entry.name().equals("..")) {
        continue; // of another filesystem
      }
      var status = fs.linkStatus(entry.name());
      assertThat(entry.ino()).as(entry.name()).isEqualTo(status.ino());
      assertThat(entry.type())
          .as(entry.name())
          .isIn(StatMode.DT_UNKNOWN, (status.mode() & StatMode.S_IFMT) >> 12);
    }
  }

  @Test
  void smallBuffersListTheSameEntries() {
    manyNames();
    int fd = fs.fd("", DIRECTORY);
    List<Entry> pieces = fs.allEntries(fd, SMALL);
    assertThat(pieces)
        .extracting(Entry::name)
        .isEqualTo(fs.list("").stream().map(Entry::name).toList());
    assertThatCall(fs.getdents(fd, SMALL)).returns(0);
    fs.done(fd);
  }

  @Test
  void aBufferThatHoldsNoEntryIsEinval() {
    int fd = fs.fd("", DIRECTORY);
    assertFails(fs.getdents(fd, 1), Errno.EINVAL);
    assertThat(fs.allEntries(fd, LARGE)).isNotEmpty();
    fs.done(fd);
  }

  @Test
  void aListingContinuesAtEachPosition() {
    manyNames();
    List<Entry> all = fs.list("");
    int fd = fs.fd("", DIRECTORY);
    for (int i = all.size() - 1; i >= 0; i--) {
      assertThatCall(fs.lseek(fd, all.get(i).next(), Fcntl.SEEK_SET)).succeeds();
      List<Entry> rest = fs.allEntries(fd, LARGE);
      assertThat(rest)
          .extracting(Entry::name)
          .isEqualTo(all.subList(i + 1, all.size()).stream().map(Entry::name).toList());
    }
    fs.done(fd);
  }

  /** Fills the directory if the filesystem can. */
  private List<String> manyNames() {
    List<String> names = new ArrayList<>();
    if (has(CREATE)) {
      for (int i = 0; i < Math.min(30, fileSystem.maxFiles() - 6); i++) {
        names.add("file-" + i + "-" + "x".repeat(i));
        fs.done(fs.fd(names.getLast(), O_CREATE));
      }
    }
    return names;
  }

  @Test
  @Needs(CREATE)
  void aRewoundListingShowsNewNames() {
    int fd = fs.fd("", DIRECTORY);
    fs.allEntries(fd, LARGE);
    fs.done(fs.fd("late", O_CREATE));
    assertThatCall(fs.lseek(fd, 0, Fcntl.SEEK_SET)).returns(0);
    assertThat(fs.allEntries(fd, LARGE)).extracting(Entry::name).contains("late");
    fs.done(fd);
  }

  @Test
  @Needs(CREATE)
  void namesCreatedDuringAListingDoNotRepeatOthers() {
    List<String> names = manyNames();
    int fd = fs.fd("", DIRECTORY);
    List<String> seen = new ArrayList<>();
    for (int i = 0; i < fileSystem.maxFiles(); i++) {
      List<Entry> some = fs.entries(fd, SMALL);
      some.forEach(entry -> seen.add(entry.name()));
      if (some.isEmpty()) {
        break;
      }
      if (i < 5) {
        fs.done(fs.fd("during-" + i, O_CREATE));
      }
    }
    assertThat(seen).doesNotHaveDuplicates().containsAll(names);
    fs.done(fd);
  }

  @Test
  @Needs(CREATE)
  void namesRemovedDuringAListingHideNoOthers() {
    List<String> names = manyNames();
    int fd = fs.fd("", DIRECTORY);
    List<String> seen = new ArrayList<>();
    List<String> removed = new ArrayList<>();
    for (List<Entry> some = fs.entries(fd, SMALL);
        !some.isEmpty();
        some = fs.entries(fd, SMALL)) { // ends at the end of the directory
      some.forEach(entry -> seen.add(entry.name()));
      String first = some.getFirst().name();
      for (String victim : new String[] {first, names.get(random.nextInt(names.size()))}) {
        if (names.contains(victim) && !removed.contains(victim)) {
          assertOk(fs.unlink(victim));
          removed.add(victim);
        }
      }
    }
    List<String> kept = new ArrayList<>(names);
    kept.removeAll(removed);
    assertThat(seen).doesNotHaveDuplicates().containsAll(kept);
    assertThat(fs.names("")).doesNotContainAnyElementsOf(removed);
    fs.done(fd);
  }

  @Test
  @Needs(CREATE)
  void aDirectoryHoldsManyNames() {
    TreeSet<String> names = new TreeSet<>();
    for (int i = 0; i < fileSystem.maxFiles(); i++) {
      names.add("n" + random.nextInt(1_000_000_000) + "-" + i);
    }
    names.forEach(name -> fs.done(fs.fd(name, O_CREATE)));
    assertThat(fs.names("")).containsAll(names);
    for (String name : names) {
      if (random.nextBoolean()) {
        assertOk(fs.unlink(name));
      }
    }
    assertThat(names).containsAll(fs.names("").stream().filter(n -> n.startsWith("n")).toList());
  }

  @Test
  void aDirectoryIsNotReadOrWritten() {
    int fd = fs.fd("", DIRECTORY);
    assertFails(fs.pread(fd, 100, 0), Errno.EISDIR);
    fs.done(fd);
    assertFails(fs.open("", O_RDWR), Errno.EISDIR);
    assertFails(fs.truncate("", 0), Errno.EISDIR);
    assertFails(fs.unlink("."), Errno.EISDIR);
    assertFails(fs.rmdir("."), Errno.EINVAL);
  }

  @Test
  void aFileHasNoEntries() {
    int fd = fs.fd(sample(PAGE).path(), O_RDONLY);
    assertFails(fs.getdents(fd, LARGE), Errno.ENOTDIR);
    fs.done(fd);
  }

  @Test
  @Needs(DIRECTORIES)
  void aNewDirectoryIsEmpty() {
    assertOk(fs.mkdir("dir", 0750));
    assertThat(fs.list("dir")).extracting(Entry::name).containsExactlyInAnyOrder(".", "..");
    assertThat(fs.status("dir").mode()).isEqualTo(StatMode.S_IFDIR | 0750);
    assertThat(fs.status("dir").nlink()).isEqualTo(2);
    assertFails(fs.mkdir("dir", 0755), Errno.EEXIST);
    assertFails(fs.mkdir("missing/dir", 0755), Errno.ENOENT);
  }

  @Test
  @Needs(DIRECTORIES)
  void dotDotIsTheParent() {
    assertOk(fs.mkdir("dir", 0755));
    assertOk(fs.mkdir("dir/below", 0755));
    assertThat(fs.status("dir/below/..").ino()).isEqualTo(fs.status("dir").ino());
    assertThat(fs.list("dir/below").stream().filter(entry -> entry.name().equals("..")))
        .extracting(Entry::ino)
        .containsExactly(fs.status("dir").ino());
  }

  @Test
  @Needs(DIRECTORIES)
  void theLinkCountFollowsTheSubdirectories() {
    assertOk(fs.mkdir("dir", 0755));
    assertOk(fs.mkdir("dir/first", 0755));
    assertOk(fs.mkdir("dir/second", 0755));
    assertThat(fs.status("dir").nlink()).isEqualTo(4);
    assertOk(fs.rmdir("dir/first"));
    assertThat(fs.status("dir").nlink()).isEqualTo(3);
  }

  @Test
  @Needs({DIRECTORIES, CREATE})
  void onlyAnEmptyDirectoryIsRemoved() {
    assertOk(fs.mkdir("dir", 0755));
    fs.done(fs.fd("dir/file", O_CREATE));
    assertFails(fs.rmdir("dir"), Errno.ENOTEMPTY);
    assertFails(fs.rmdir("dir/."), Errno.EINVAL);
    assertFails(fs.rmdir("dir/.."), Errno.ENOTEMPTY);
    assertFails(fs.unlink("dir"), Errno.EISDIR);
    assertOk(fs.unlink("dir/file"));
    assertOk(fs.rmdir("dir"));
    assertFails(fs.rmdir("dir"), Errno.ENOENT);
  }

  @Test
  @Needs({DIRECTORIES, CREATE})
  void aRemovedDirectoryHasNoEntriesAndGetsNone() {
    assertOk(fs.mkdir("dir", 0755));
    int fd = fs.fd("dir", DIRECTORY);
    assertOk(fs.rmdir("dir"));
    long name = fs.text(0, "file");
    assertFails(
        fs.call("openat(" + fd + ")", io.pollux.uapi.Nr.OPENAT, fd, name, O_CREATE, 0644),
        Errno.ENOENT);
    assertFails(fs.getdents(fd, LARGE), Errno.ENOENT);
    assertThat(fs.status(fd).nlink()).isZero();
    fs.done(fd);
  }

  @Test
  @Needs({DIRECTORIES, CREATE, ALLOCATE, RENAME})
  void renameMovesADirectoryWithItsFiles() {
    assertOk(fs.mkdir("from", 0755));
    assertOk(fs.mkdir("other", 0755));
    byte[] content = bytes(99);
    fs.create("from/file", content);
    assertOk(fs.rename("from", "other/to"));
    assertContent("other/to/file", content);
    assertFails(fs.stat("from"), Errno.ENOENT);
    assertThat(fs.status("other/to/..").ino()).isEqualTo(fs.status("other").ino());
    assertThat(fs.status("other").nlink()).isEqualTo(3);
  }

  @Test
  @Needs({DIRECTORIES, RENAME})
  void aDirectoryDoesNotMoveIntoItself() {
    assertOk(fs.mkdir("dir", 0755));
    assertOk(fs.mkdir("dir/below", 0755));
    assertFails(fs.rename("dir", "dir/below/dir"), Errno.EINVAL);
    assertFails(fs.rename("dir/below", "dir"), Errno.ENOTEMPTY, Errno.EEXIST);
  }

  @Test
  @Needs({DIRECTORIES, CREATE, RENAME})
  void renameReplacesOnlyAnEmptyDirectory() {
    assertOk(fs.mkdir("from", 0755));
    assertOk(fs.mkdir("to", 0755));
    fs.done(fs.fd("to/file", O_CREATE));
    assertFails(fs.rename("from", "to"), Errno.ENOTEMPTY, Errno.EEXIST); // XFS has the latter
    assertOk(fs.unlink("to/file"));
    long ino = fs.status("from").ino();
    assertOk(fs.rename("from", "to"));
    assertThat(fs.status("to").ino()).isEqualTo(ino);
  }

  @Test
  @Needs({DIRECTORIES, CREATE, RENAME})
  void renameReplacesNothingOfAnotherType() {
    assertOk(fs.mkdir("dir", 0755));
    fs.done(fs.fd("file", O_CREATE));
    assertFails(fs.rename("file", "dir"), Errno.EISDIR);
    assertFails(fs.rename("dir", "file"), Errno.ENOTDIR);
  }

  @Test
  @Needs({DIRECTORIES, CREATE, ALLOCATE})
  void aDeepPathWorks() {
    String path = "d";
    for (int i = 0; i < 40; i++) {
      assertOk(fs.mkdir(path, 0755));
      path += "/d";
    }
    byte[] content = bytes(10);
    fs.create(path, content);
    assertContent(path, content);
  }
}

// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit.suite;

import static io.pollux.testkit.CallAssert.assertThatCall;
import static io.pollux.testkit.suite.Feature.ALLOCATE;
import static io.pollux.testkit.suite.Feature.CREATE;
import static io.pollux.testkit.suite.Feature.RENAME;
import static io.pollux.testkit.suite.Feature.RENAME_EXCHANGE;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Names of files: creation, removal, renaming, and invalid names. */
abstract class NameBehaviours extends Behaviours {
  private static final int EXCLUSIVE = O_RDWR | Fcntl.O_CREAT | Fcntl.O_EXCL;

  @Test
  void aMissingNameIsEnoent() {
    assertFails(fs.open("missing", O_RDONLY), Errno.ENOENT);
    assertFails(fs.stat("missing"), Errno.ENOENT);
    assertFails(fs.open("missing/below", O_RDONLY), Errno.ENOENT);
  }

  @Test
  void aFileIsNoDirectory() {
    Sample sample = sample(PAGE);
    assertFails(fs.open(sample.path() + "/below", O_RDONLY), Errno.ENOTDIR);
    assertFails(fs.open(sample.path() + "/", O_RDONLY), Errno.ENOTDIR);
    assertFails(fs.open(sample.path(), O_RDONLY | Fcntl.O_DIRECTORY), Errno.ENOTDIR);
    assertFails(fs.rmdir(sample.path()), isReadOnly() ? Errno.EROFS : Errno.ENOTDIR);
    assertFails(fs.mkdir(sample.path(), 0755), Errno.EEXIST);
  }

  @Test
  void anExclusiveCreateOfANameThatIsThereFails() {
    Sample sample = sample(PAGE);
    assertFails(fs.open(sample.path(), EXCLUSIVE), Errno.EEXIST);
    assertContent(fs.fd(sample.path(), O_RDONLY), 0, sample.content());
  }

  @Test
  void aNameOf256BytesIsTooLong() {
    assertFails(fs.open("n".repeat(256), O_RDONLY), Errno.ENAMETOOLONG);
    assertFails(fs.open("n".repeat(256), O_CREATE), Errno.ENAMETOOLONG);
    assertFails(fs.stat("n".repeat(255)), Errno.ENOENT);
  }

  @Test
  void aPathOf4096BytesIsTooLong() {
    String start = machine.directory() + "/";
    String longest = start + "./".repeat((4095 - start.length()) / 2);
    assertThatCall(fs.stat(longest)).returns(0);
    assertFails(fs.stat(longest + "././"), Errno.ENAMETOOLONG);
  }

  @Test
  void dotsAreTheDirectoryItself() {
    Sample sample = sample(PAGE);
    assertThat(fs.status("./" + sample.path()).ino()).isEqualTo(fs.status(sample.path()).ino());
    assertThat(fs.status("././/.").ino()).isEqualTo(fs.status("").ino());
  }

  @Test
  @Needs(CREATE)
  void aCreatedFileIsFoundByItsName() {
    int fd = fs.fd("new", EXCLUSIVE);
    assertThat(fs.status("new").ino()).isEqualTo(fs.status(fd).ino());
    assertThat(fs.status(fd).size()).isZero();
    assertThat(fs.names("")).contains("new");
    fs.done(fd);
  }

  @Test
  @Needs(CREATE)
  void openWithCreateOpensAFileThatIsThere() {
    fs.done(fs.fd("new", O_CREATE));
    long ino = fs.status("new").ino();
    int fd = fs.fd("new", O_CREATE);
    assertThat(fs.status(fd).ino()).isEqualTo(ino);
    fs.done(fd);
  }

  @Test
  @Needs(CREATE)
  void anUnlinkedNameIsGone() {
    fs.done(fs.fd("gone", O_CREATE));
    assertOk(fs.unlink("gone"));
    assertFails(fs.open("gone", O_RDONLY), Errno.ENOENT);
    assertFails(fs.unlink("gone"), Errno.ENOENT);
    assertThat(fs.names("")).doesNotContain("gone");
  }

  @Test
  @Needs({CREATE, ALLOCATE})
  void anUnlinkedFileLivesUntilItsLastClose() {
    byte[] content = bytes(3 * PAGE);
    fs.create("unlinked", content);
    int fd = fs.fd("unlinked", O_RDWR);
    assertOk(fs.unlink("unlinked"));
    assertContent(fd, 0, content);
    assertThat(fs.status(fd).nlink()).isZero();
    byte[] more = bytes(PAGE);
    fs.store(fd, more, content.length);
    assertContent(fd, 0, joined(content, more));
    fs.done(fd);
  }

  @Test
  @Needs({CREATE, ALLOCATE})
  void aNameCanBeUsedAgainWhileItsOldFileIsOpen() {
    byte[] old = bytes(PAGE + 1);
    fs.create("name", old);
    int fd = fs.fd("name", O_RDONLY);
    assertOk(fs.unlink("name"));
    byte[] other = bytes(2 * PAGE);
    fs.create("name", other);
    assertContent(fd, 0, old);
    assertContent("name", other);
    fs.done(fd);
    assertContent("name", other);
  }

  @Test
  @Needs(CREATE)
  void aNameOf255BytesWorks() {
    String name = "n".repeat(255);
    fs.done(fs.fd(name, O_CREATE));
    assertThat(fs.names("")).contains(name);
    assertOk(fs.unlink(name));
  }

  @Test
  @Needs(CREATE)
  void namesAreBytes() {
    List<String> names =
        new ArrayList<>(List.of(" ", "...", ".hidden", "a\nb", "%s", "-r", "\u00ff"));
    names.add("\u00c3\u00a4"); // a letter of two bytes
    names.add("\u0001\u007f\u0080\u00fe");
    for (String name : names) {
      fs.done(fs.fd(name, EXCLUSIVE));
    }
    assertThat(fs.names("")).containsAll(names);
    for (String name : names) {
      assertOk(fs.unlink(name));
    }
  }

  @Test
  @Needs(CREATE)
  void namesThatDifferInCaseAreDifferent() {
    fs.done(fs.fd("name", EXCLUSIVE));
    fs.done(fs.fd("NAME", EXCLUSIVE));
    assertOk(fs.unlink("name"));
    assertThat(fs.exists("NAME")).isTrue();
  }

  @Test
  @Needs(CREATE)
  void openWithTruncateEmptiesAFile() {
    sampleOrSkip("full");
    int fd = fs.fd("full", O_RDWR | Fcntl.O_TRUNC);
    assertThat(fs.status(fd).size()).isZero();
    assertThatCall(fs.pread(fd, 16, 0)).returns(0);
    fs.done(fd);
  }

  private byte[] sampleOrSkip(String name) {
    need(ALLOCATE);
    byte[] content = bytes(PAGE + 100);
    fs.create(name, content);
    return content;
  }

  @Test
  @Needs({CREATE, RENAME})
  void renameMovesAName() {
    byte[] content = sampleOrSkip("from");
    long ino = fs.status("from").ino();
    assertOk(fs.rename("from", "to"));
    assertFails(fs.stat("from"), Errno.ENOENT);
    assertThat(fs.status("to").ino()).isEqualTo(ino);
    assertContent("to", content);
    assertThat(fs.names("")).contains("to").doesNotContain("from");
  }

  @Test
  @Needs({CREATE, RENAME})
  void renameReplacesAFile() {
    byte[] content = sampleOrSkip("from");
    fs.create("to", bytes(3 * PAGE));
    assertOk(fs.rename("from", "to"));
    assertContent("to", content);
    assertFails(fs.stat("from"), Errno.ENOENT);
  }

  @Test
  @Needs({CREATE, RENAME})
  void aReplacedFileLivesUntilItsLastClose() {
    byte[] old = sampleOrSkip("to");
    int fd = fs.fd("to", O_RDONLY);
    byte[] content = bytes(100);
    fs.create("from", content);
    assertOk(fs.rename("from", "to"));
    assertContent(fd, 0, old);
    assertThat(fs.status(fd).nlink()).isZero();
    fs.done(fd);
    assertContent("to", content);
  }

  @Test
  @Needs({CREATE, RENAME})
  void anOpenFileKeepsItsContentWhenItIsRenamed() {
    byte[] content = sampleOrSkip("from");
    int fd = fs.fd("from", O_RDWR);
    assertOk(fs.rename("from", "to"));
    assertContent(fd, 0, content);
    byte[] changed = bytes(10);
    assertThatCall(fs.pwrite(fd, changed, 5)).returns(10);
    fs.done(fd);
    System.arraycopy(changed, 0, content, 5, 10);
    assertContent("to", content);
  }

  @Test
  @Needs({CREATE, RENAME})
  void renameOfAMissingNameFails() {
    fs.done(fs.fd("to", O_CREATE));
    assertFails(fs.rename("missing", "to"), Errno.ENOENT);
    assertThat(fs.exists("to")).isTrue();
    assertFails(fs.rename("to", "missing/to"), Errno.ENOENT);
    assertFails(fs.rename("to", "n".repeat(256)), Errno.ENAMETOOLONG);
  }

  @Test
  @Needs({CREATE, RENAME})
  void renameToTheSameNameChangesNothing() {
    byte[] content = sampleOrSkip("same");
    assertOk(fs.rename("same", "same"));
    assertContent("same", content);
  }

  @Test
  @Needs({CREATE, RENAME})
  void renameWithNoreplaceRefusesANameThatIsThere() {
    byte[] content = sampleOrSkip("from");
    fs.done(fs.fd("to", O_CREATE));
    assertFails(fs.renameat2("from", "to", Fcntl.RENAME_NOREPLACE), Errno.EEXIST);
    assertOk(fs.renameat2("from", "free", Fcntl.RENAME_NOREPLACE));
    assertContent("free", content);
  }

  @Test
  @Needs({CREATE, RENAME, RENAME_EXCHANGE})
  void renameWithExchangeSwapsTwoNames() {
    byte[] first = sampleOrSkip("first");
    byte[] second = bytes(77);
    fs.create("second", second);
    assertOk(fs.renameat2("first", "second", Fcntl.RENAME_EXCHANGE));
    assertContent("first", second);
    assertContent("second", first);
  }

  @Test
  @Needs({CREATE, RENAME, RENAME_EXCHANGE})
  void renameWithExchangeNeedsBothNames() {
    fs.done(fs.fd("there", O_CREATE));
    assertFails(fs.renameat2("there", "missing", Fcntl.RENAME_EXCHANGE), Errno.ENOENT);
    assertFails(fs.renameat2("missing", "there", Fcntl.RENAME_EXCHANGE), Errno.ENOENT);
    int both = Fcntl.RENAME_EXCHANGE | Fcntl.RENAME_NOREPLACE;
    assertFails(fs.renameat2("there", "other", both), Errno.EINVAL);
  }

  @Test
  @Needs({CREATE, RENAME})
  void manyRenamesLoseNoFile() {
    need(ALLOCATE);
    int files = 8;
    String[] names = new String[files];
    for (int i = 0; i < files; i++) {
      names[i] = "f" + i;
      fs.create(names[i], new byte[] {(byte) (i + 1)});
    }
    for (int turn = 0; turn < 60; turn++) {
      int moved = random.nextInt(files);
      String to = "t" + turn;
      assertOk(fs.rename(names[moved], to));
      names[moved] = to;
    }
    assertThat(fs.names("")).contains(names);
    for (int i = 0; i < files; i++) {
      assertContent(names[i], new byte[] {(byte) (i + 1)});
    }
  }
}

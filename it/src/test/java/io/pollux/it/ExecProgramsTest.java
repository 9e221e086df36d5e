// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.testkit.Oracles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/**
 * Scripts of everyday programs on ramfs, through {@code exec --shared}, and on a tmpfs of Linux.
 * Their output and the files that they leave are the same.
 */
@Timeout(600)
@Execution(ExecutionMode.CONCURRENT)
final class ExecProgramsTest {
  /**
   * Lists the files below the working directory: types, modes, links, targets, sizes, old times and
   * contents.
   */
  private static final String LISTING =
      """
      echo; echo LISTING
      cd "$1"
      find . -mindepth 1 -not -path './dev*' \\
        \\( -type d -printf '%P %y %m %U %G\\n' -o -type l -printf '%P %y %m %n %U %G %l\\n' \\
        -o -printf '%P %y %m %n %U %G %s\\n' \\) | sort
      find . -type f -not -path './dev*' -not -newermt '2015-01-01' -printf '%P %T@\\n' | sort
      find . -type f -not -path './dev*' -exec md5sum {} + | sort
      """;

  private final Path dir;

  ExecProgramsTest(@TempDir Path dir) {
    this.dir = dir;
  }

  @BeforeAll
  static void needsPrograms() {
    Oracles.needPrograms("gcc", "cc");
    Oracles.needPrograms("bash", "bash");
    Oracles.needPrograms("findutils", "find");
    Oracles.needLoopMounts("tmpfs");
  }

  /** Runs a script in an empty directory, here and on Linux, and compares. */
  private void compare(String script) throws IOException, InterruptedException {
    String all = "umask 022\ncd \"$1\"\n" + script + LISTING;
    Path tmpfs = Files.createDirectory(dir.resolve("tmpfs"));
    ExecRun.program(List.of("mount", "-t", "tmpfs", "none", tmpfs.toString())).succeeded();
    ExecRun linux;
    String at = tmpfs.resolve("directory").toString();
    try {
      Files.createDirectory(Path.of(at));
      linux = ExecRun.program(List.of("bash", "-c", all, "bash", at)).succeeded();
    } finally {
      ExecRun.program(List.of("umount", tmpfs.toString())).succeeded();
    }
    ExecRun ours =
        ExecRun.of(List.of("--shared", "--fs", "none", "--", "bash", "-c", all, "bash", "/pollux"))
            .succeeded();
    assertThat(ours.err().replace("/pollux", "DIR")).isEqualTo(linux.err().replace(at, "DIR"));
    assertThat(ours.out().replace("/pollux", "DIR")).isEqualTo(linux.out().replace(at, "DIR"));
    assertThat(linux.out()).as("the script ran to its end").contains("LISTING");
  }

  @Test
  void filesAndDirectories() throws Exception {
    compare(
        """
        set -e
        mkdir a a/b; echo one >a/one; printf '%05000d' 7 >a/b/big
        ln a/one a/hard; ln -s one a/soft; ln -s "$PWD/a/b/big" a/absolute; ln -s nothing a/dangling
        mkfifo a/fifo; mknod a/null c 1 3
        chmod 751 a/b; chmod u+s,g-r a/one; chown 7:8 a/one; chgrp 9 a/b
        touch -d '2001-02-03 04:05:06.789' a/one a/b/big; touch -h -d '2002-01-01' a/soft
        mv a/b/big a/b/moved; mv a/b a/c; mv -T a/hard a/soft; mv a/c/moved "$PWD/a/c/again"
        cp -a a copy; cp -r a/c copy/c2; cp -l a/one linked; cp -s a/one pointed || echo refused
        find . -name 'a*' -size +1k | sort; find . -type l | sort
        ls -lR a | grep -v total | cut -c1-10 | sort; ls -R a
        cat a/c/again | wc -c; grep -r one . | sort; sed -i s/one/two/ linked; cat linked copy/one
        head -c 100000 /dev/zero | dd of=dd bs=4k conv=notrunc seek=3 2>/dev/null
        install -m 600 -D a/one deep/er/one; split -b 3000 a/c/again part; ls part*
        truncate -s 10M hole; test -w a/one; test ! -x dd; readlink -f a/c/../soft
        mktemp -d ./t.XXXX >/dev/null; rm -d t.*; rmdir a || echo not empty; rm -r copy/c2; rm -f none
        (cd a/c; pwd; cd ..; pwd; /bin/pwd; cd ../..; pwd >/dev/null); echo a/*/ag*; du -a a | wc -l
        tee tee1 tee2 <a/one; for i in 1 2 3; do echo $i; done >loop; while read -r x; do echo "got $x"; done <loop
        echo more >>loop; cat <loop >copied 2>errors; ls none 2>>errors || cat errors
        """);
  }

  @Test
  void tarMakesAndExtractsAnArchive() throws Exception {
    Oracles.needPrograms("tar", "tar");
    compare(
        """
        set -e
        mkdir -p a/b/c; echo one >a/one; ln a/one a/b/two; ln -s ../one a/b/link; mkfifo a/fifo
        chmod 4711 a/one; chmod 1777 a/b; head -c 300000 /dev/zero | tr '\\0' x >a/b/c/big
        touch -d '2001-02-03 04:05:06' a/one a/b/c/big a/b/c a
        tar --sort=name -cf a.tar a; tar -tf a.tar
        mkdir x y; tar -xpf a.tar -C x; tar -czf - a | (cd y; tar -xzf -); diff -r x/a/b y/a/b
        rm a.tar; stat -c '%a %Y %n' x/a x/a/b/c y/a/one
        """);
  }

  @Test
  void gitKeepsARepository() throws Exception {
    Oracles.needPrograms("git", "git");
    compare(
        """
        set -e
        export HOME=/nonexistent GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b
        export GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
        export GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z'
        git init -q -b main repo; cd repo
        mkdir src; for i in 1 2 3 4 5; do echo "file $i" >src/f$i; done
        ln -s f1 src/link; chmod +x src/f2
        git add .; git commit -q -m first; git status --short; git log --oneline
        echo change >>src/f1; git diff | cat; git commit -qam second; git log --stat | cat
        git checkout -q -b topic HEAD~1; echo topic >topic; git add topic; git commit -q -m topic
        git merge -q -m merged main; git log --graph --oneline | cat
        git fsck --full; git gc -q; git fsck --full; git count-objects -v | grep -v size
        cd ..; git clone -q repo clone; diff -r repo/src clone/src; cd clone
        git grep -n file | sort; git rm -q src/f3; git status --short; git reset -q --hard
        git archive HEAD | tar -t; git mv src moved; git status --short; git stash -q; git stash list
        cd ..; rm -rf clone repo/.git/index repo/.git/objects/pack repo/.git/objects/info
        rm -rf repo/.git/logs
        """);
  }

  @Test
  void sqliteKeepsADatabase() throws Exception {
    Oracles.needPrograms("sqlite3", "sqlite3");
    compare(
        """
        sqlite3 t.db "create table t(a integer primary key, b text); insert into t(b) values('x'),('y');"
        sqlite3 t.db "begin; insert into t(b) select 'z' from t,t,t,t,t; commit; select count(*) from t;"
        sqlite3 t.db "create index i on t(b); pragma integrity_check; pragma journal_mode;"
        sqlite3 t.db "begin; delete from t where a>3; rollback; select count(*) from t; vacuum;"
        for mode in truncate persist delete; do
          sqlite3 t.db "pragma journal_mode=$mode; insert into t(b) values('m'); select count(*) from t;"
        done
        (for i in 1 2 3 4 5; do sqlite3 -cmd '.timeout 60000' t.db "insert into t(b) values($i);"; done) &
        for i in 6 7 8 9; do sqlite3 -cmd '.timeout 60000' t.db "insert into t(b) values($i);"; done
        wait
        sqlite3 t.db "select count(*) from t; pragma integrity_check;"
        sqlite3 t.db "select b from t order by b" >values; rm t.db
        """);
  }

  @Test
  void fifosConnectProcesses() throws Exception {
    compare(
        """
        mkfifo p; (echo hello >p) & cat p; wait
        (cat p >got) & echo one >p; wait; cat got
        exec 3<>p; echo two >&3; read x <&3; echo $x; exec 3>&-
        (for i in 1 2 3; do echo $i; done >p) & while read l; do echo "line $l"; done <p; wait
        timeout 1 cat p; echo $?; timeout 1 sh -c 'echo x >p'; echo $?
        yes | head -c 300000 >big; (cat big >p) & cat p | cmp - big && echo equal; wait
        """);
  }

  /** This mode of sqlite needs a shared mapping, which is not supported. */
  @Test
  void aSharedMappingIsRefusedWithOneSentence() throws Exception {
    Oracles.needPrograms("sqlite3", "sqlite3");
    ExecRun run =
        ExecRun.of(
            List.of(
                "--fs",
                "none",
                "--",
                "sqlite3",
                "/pollux/t.db",
                "pragma journal_mode=wal; create table t(a);"));
    assertThat(run.status()).isNotZero();
    assertThat(run.err())
        .contains("pollux: exec: files of the image can't be mapped shared (ENODEV)");
  }
}

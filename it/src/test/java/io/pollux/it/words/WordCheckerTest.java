// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.words;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class WordCheckerTest {
  private static final String FIVE = "one two three four five";

  private static List<String> page(String text) {
    return faults("page.md", text);
  }

  private static List<String> java(String text) {
    return faults("A.java", text);
  }

  /** Findings as line and fault, with a limit of five words. */
  private static List<String> faults(String file, String text) {
    return WordChecker.checkText(file, text, 5).stream()
        .map(f -> f.line() + " " + f.fault())
        .toList();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "who",
        "Who",
        "whoever",
        "whom",
        "he",
        "him",
        "his",
        "himself",
        "somebody",
        "anybody",
        "nobody",
        "everybody",
        "someone",
        "anyone",
        "everyone"
      })
  void aBareWordIsFound(String word) {
    assertThat(page("First line.\nThen " + word + " waits.")).containsExactly("2 \"" + word + "\"");
    assertThat(java("/** Then " + word + "\n * waits. */")).containsExactly("1 \"" + word + "\"");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "The file whose head moved.",
        "For people who read.",
        "The user `nobody` waits.",
        "The helper and this host.",
        "[A page](who/he.md) of facts.",
        "<!-- who -->",
        "```\nwho\n```"
      })
  void otherWordsPass(String text) {
    assertThat(page(text)).isEmpty();
  }

  @Test
  void whoNeedsItsNounDirectlyBefore() {
    assertThat(page("People say who waits.")).containsExactly("1 \"who\"");
    assertThat(page("The writer who waits.")).containsExactly("1 \"who\"");
  }

  @Test
  void aLongSentenceIsFoundWhereItBegins() {
    assertThat(page("Short.\n" + FIVE + "\nsix. Short.")).containsExactly("2 6 words");
    assertThat(java("class A {\n  /** Short.\n   * " + FIVE + "\n   * six.\n   */\n}"))
        .containsExactly("3 6 words");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        FIVE + ". " + FIVE + "! " + FIVE + "?",
        FIVE + "\n\n" + FIVE,
        "# " + FIVE + "\n" + FIVE + "\n# " + FIVE,
        FIVE + ":\n- " + FIVE + "\n  1. " + FIVE + "\n* " + FIVE,
        "| "
            + FIVE
            + " | "
            + FIVE
            + " |\n| --- | --- |\n| "
            + FIVE
            + " | `a | b` and three more words |\n"
            + FIVE,
        FIVE + "\n```\n" + FIVE + " " + FIVE + "\n```\n" + FIVE,
        "`a b c d e f` is one – word = here",
        "See [a](a/b.md), and [b](b.md)."
      })
  void pagesAreCutIntoSentences(String text) {
    assertThat(page(text)).isEmpty();
  }

  @Test
  void anAbbreviationEndsNoSentence() {
    assertThat(page("one two, e.g. four five six.")).containsExactly("1 6 words");
    assertThat(page("one fs/aio.c 4.20 four five six.")).containsExactly("1 6 words");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/** " + FIVE + ".\n * " + FIVE + " */",
        "/** "
            + FIVE
            + "\n * <p>"
            + FIVE
            + "\n * <ul>\n * <li>"
            + FIVE
            + "\n * <li>"
            + FIVE
            + "</ul>"
            + FIVE
            + " */",
        "/** "
            + FIVE
            + "\n * @param x "
            + FIVE
            + "\n * @return "
            + FIVE
            + "\n * @throws E "
            + FIVE
            + " */",
        "/** {@return " + FIVE + "} " + FIVE + " */",
        "/** {@code one two {who}} two {@link A#b(int, long)} four five */",
        "/** " + FIVE + "\n * <pre>\n * who " + FIVE + "\n * </pre>\n * " + FIVE + " */",
        "/* who " + FIVE + " */ // who " + FIVE,
        "String s = \"/** who \\\" who */\"; char c = '\"', d = '\\''; /** Short. */",
        "String s = \"\"\"\n /** who */\n\"\"\";",
        "/**/ int who; /** Short. */"
      })
  void javadocIsCutIntoSentences(String text) {
    assertThat(java(text)).isEmpty();
  }

  @Test
  void javadocIsSearchedAfterLiteralsAndCode() {
    assertThat(java("String s = \"/*\"; char c = '\"';\n/** {@code x} who */"))
        .containsExactly("2 \"who\"");
    assertThat(java("/** {@link A#b(int, long) one two three} four five six */"))
        .containsExactly("1 6 words");
    assertThat(java("/** Short.\n *\n * @param who the caller\n * @return whom it wakes */"))
        .containsExactly("4 \"whom\"");
  }

  @Test
  void aFindingNamesFileLineAndSentence() {
    assertThat(WordChecker.checkText("A.java", "/** One. Wakes\n * who waits. */", 5))
        .singleElement()
        .hasToString("A.java:2: \"who\": Wakes who waits.");
  }

  @Test
  void aDirectoryIsSearchedForMainSources(@TempDir Path root) throws IOException {
    for (String file :
        List.of(
            "m/src/main/java/p/A.java",
            "m/src/test/java/p/B.java",
            "m/src/main/java/p/package-info.java")) {
      Files.createDirectories(root.resolve(file).getParent());
      Files.writeString(root.resolve(file), "/** Who waits. */");
    }
    assertThat(WordChecker.check(root, "m", 5).stream().map(WordChecker.Finding::file))
        .containsExactly("m/src/main/java/p/A.java", "m/src/main/java/p/package-info.java");
  }
}

// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.source;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Tokens of Java text. */
@Timeout(60)
class TokenTest {
  private static List<String> of(String text, Token.Kind kind) {
    return Token.of(text).stream()
        .filter(token -> token.kind() == kind)
        .map(token -> text.substring(token.start(), token.end()))
        .toList();
  }

  @Test
  void kindsAreTold() {
    String text =
        "@Patch(1) /* if */ int x = \"// \\\" no\".length(); // end\n"
            + "char c = '\\''; long y = 0xFFL;";
    assertThat(of(text, Token.Kind.COMMENT)).containsExactly("/* if */", "// end");
    assertThat(of(text, Token.Kind.STRING)).containsExactly("\"// \\\" no\"", "'\\''");
    assertThat(of(text, Token.Kind.KEYWORD)).containsExactly("int", "char", "long");
    assertThat(of(text, Token.Kind.NUMBER)).containsExactly("1", "0xFFL");
    assertThat(of(text, Token.Kind.NAME)).containsExactly("Patch", "x", "length", "c", "y");
  }

  @Test
  void aTextBlockIsOneString() {
    assertThat(of("x = \"\"\"\n  if \"a\" //\n  \"\"\";", Token.Kind.STRING)).hasSize(1);
  }

  @Property
  void tokensCoverAnyText(@ForAll String text) {
    int at = 0;
    for (Token token : Token.of(text)) {
      assertThat(token.start()).isEqualTo(at);
      assertThat(token.end()).isGreaterThan(at);
      at = token.end();
    }
    assertThat(at).isEqualTo(text.length());
  }
}

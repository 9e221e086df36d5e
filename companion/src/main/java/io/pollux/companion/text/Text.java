// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.text;

import io.pollux.companion.source.Faults;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.commonmark.Extension;
import org.commonmark.ext.front.matter.YamlFrontMatterExtension;
import org.commonmark.ext.front.matter.YamlFrontMatterVisitor;
import org.commonmark.ext.gfm.tables.TableBlock;
import org.commonmark.ext.gfm.tables.TablesExtension;
import org.commonmark.node.AbstractVisitor;
import org.commonmark.node.Code;
import org.commonmark.node.CustomBlock;
import org.commonmark.node.FencedCodeBlock;
import org.commonmark.node.Heading;
import org.commonmark.node.HtmlBlock;
import org.commonmark.node.Image;
import org.commonmark.node.Link;
import org.commonmark.node.Node;
import org.commonmark.node.Paragraph;
import org.commonmark.parser.IncludeSourceSpans;
import org.commonmark.parser.Parser;
import org.commonmark.renderer.html.HtmlRenderer;
import org.commonmark.renderer.text.TextContentRenderer;
import org.jspecify.annotations.Nullable;

/**
 * A Markdown file with front matter.
 *
 * <p>Beyond CommonMark and tables it has these forms:
 *
 * <ul>
 *   <li>links with a scheme: {@code java:}, {@code test:}, {@code c:}, {@code patch:}, {@code
 *       page:};
 *   <li>a code span that names a declaration ({@code Class#member}) or a C name is a link;
 *   <li>a fence with {@code excerpt Class#member} includes the source; with {@code beside
 *       Class#member} the C skeleton in the fence stands beside that source;
 *   <li>a fence with {@code generated NAME} includes a generated part;
 *   <li>an image {@code figure:NAME} that is alone in its paragraph includes a drawing.
 * </ul>
 */
public final class Text {
  private static final List<Extension> EXTENSIONS =
      List.of(TablesExtension.create(), YamlFrontMatterExtension.create());

  private static final Parser PARSER =
      Parser.builder().extensions(EXTENSIONS).includeSourceSpans(IncludeSourceSpans.BLOCKS).build();

  private static final TextContentRenderer WORDS =
      TextContentRenderer.builder().extensions(EXTENSIONS).build();

  private final String name;
  private final String source;
  private final Map<String, List<String>> front;

  private Text(String name, String source, Map<String, List<String>> front) {
    this.name = name;
    this.source = source;
    this.front = front;
  }

  /**
   * Reads a file.
   *
   * @param root the directory that the name in messages is relative to
   */
  public static Text read(Path root, Path path) throws IOException {
    return of(root.relativize(path).toString(), Files.readString(path));
  }

  /** Parses a text. */
  static Text of(String name, String source) {
    YamlFrontMatterVisitor visitor = new YamlFrontMatterVisitor();
    PARSER.parse(source).accept(visitor);
    return new Text(name, source, visitor.getData());
  }

  /** The file, for messages. */
  public String name() {
    return name;
  }

  /** The values of a key of the front matter. */
  public List<String> all(String key) {
    return front.getOrDefault(key, List.of());
  }

  /** The value of a key of the front matter, or an empty string. */
  public String first(String key) {
    List<String> values = all(key);
    return values.isEmpty() ? "" : values.getFirst();
  }

  /** The text after the front matter. */
  String source() {
    return source;
  }

  /** The words without markup, for the search. */
  public String words() {
    return WORDS.render(PARSER.parse(source));
  }

  /** The headings of the second level: anchor and text. */
  public List<Map.Entry<String, String>> headings() {
    List<Map.Entry<String, String>> found = new ArrayList<>();
    PARSER
        .parse(source)
        .accept(
            new AbstractVisitor() {
              @Override
              public void visit(Heading heading) {
                if (heading.getLevel() == 2) {
                  String words = WORDS.render(heading).strip();
                  found.add(Map.entry(Html.slug(words), words));
                }
              }
            });
    return found;
  }

  /**
   * Renders the text.
   *
   * @param root leads from the page to the root of the site
   * @param faults receives links and names without a target
   */
  public String html(Targets targets, String root, Faults faults) {
    Node document = PARSER.parse(source);
    document.accept(new Resolver(targets, root, faults));
    Map<String, Integer> slugs = new HashMap<>();
    return HtmlRenderer.builder()
        .extensions(EXTENSIONS)
        .attributeProviderFactory(
            context ->
                (node, tag, attributes) -> {
                  if (node instanceof Heading heading && heading.getLevel() <= 3) {
                    String slug = Html.slug(WORDS.render(node).strip());
                    int same = slugs.merge(slug, 1, Integer::sum);
                    attributes.put("id", same == 1 ? slug : slug + "-" + same);
                  }
                })
        .build()
        .render(document);
  }

  /** Replaces the additional forms. */
  private final class Resolver extends AbstractVisitor {
    private final Targets targets;
    private final String root;
    private final Faults faults;

    Resolver(Targets targets, String root, Faults faults) {
      this.targets = targets;
      this.root = root;
      this.faults = faults;
    }

    private void missing(Node node, String what) {
      int line =
          node.getSourceSpans().isEmpty() ? 0 : node.getSourceSpans().getFirst().getLineIndex() + 1;
      faults.add(line == 0 ? name : name + ":" + line, what + " does not exist");
    }

    @Override
    public void visit(Link link) {
      String target = link.getDestination();
      int colon = target.indexOf(':');
      if (colon > 0 && !target.startsWith("http")) {
        String found = targets.link(target.substring(0, colon), target.substring(colon + 1));
        if (found == null) {
          missing(link, target);
        } else {
          link.setDestination(root + found);
        }
      }
      // no visit of the children: a code span in a link is no second link
    }

    @Override
    public void visit(Code code) {
      String found = targets.code(code.getLiteral());
      if (found != null) {
        Link link = new Link(root + found, null);
        code.insertBefore(link);
        link.appendChild(code);
      } else if (code.getLiteral().matches("[A-Z]\\w+(\\.[A-Z]\\w+)*#\\w+(-\\d)?")) {
        missing(code, code.getLiteral());
      }
    }

    @Override
    public void visit(Paragraph paragraph) {
      if (paragraph.getFirstChild() instanceof Image image
          && image.getNext() == null
          && image.getDestination().startsWith("figure:")) {
        String name = image.getDestination().substring("figure:".length());
        String svg = targets.figure(name);
        if (svg == null) {
          missing(paragraph, image.getDestination());
          return;
        }
        HtmlBlock block = new HtmlBlock();
        String caption = image.getTitle() == null ? "" : image.getTitle();
        block.setLiteral(
            "<figure id=\"fig-"
                + name
                + "\">"
                + svg
                + (caption.isEmpty() ? "" : "<figcaption>" + Html.escape(caption) + "</figcaption>")
                + "</figure>");
        paragraph.insertBefore(block);
        paragraph.unlink();
        return;
      }
      visitChildren(paragraph);
    }

    @Override
    public void visit(FencedCodeBlock fence) {
      String info = fence.getInfo() == null ? "" : fence.getInfo().strip();
      int blank = info.indexOf(' ');
      String word = blank < 0 ? info : info.substring(0, blank);
      String rest = blank < 0 ? "" : info.substring(blank + 1).strip();
      String html =
          switch (word) {
            case "excerpt" -> found(fence, rest, targets.excerpt(rest, root));
            case "generated" ->
                found(fence, rest, targets.generated(rest, fence.getLiteral(), root));
            case "beside" ->
                "<div class=\"pair\"><div><p class=\"lang\">C, in outline</p><pre"
                    + " class=\"code\"><code>"
                    + CodeHtml.plain(fence.getLiteral())
                    + "</code></pre></div><div>"
                    + found(fence, rest, targets.excerpt(rest, root))
                    + "</div></div>";
            default ->
                "<pre class=\"code\"><code>"
                    + (word.isEmpty() || word.equals("sh") || word.equals("text")
                        ? Html.escape(fence.getLiteral())
                        : CodeHtml.plain(fence.getLiteral()))
                    + "</code></pre>";
          };
      HtmlBlock block = new HtmlBlock();
      block.setLiteral(html);
      fence.insertBefore(block);
      fence.unlink();
    }

    private String found(Node node, String what, @Nullable String html) {
      if (html == null) {
        missing(node, what);
        return "";
      }
      return html;
    }

    @Override
    public void visit(CustomBlock block) {
      if (block instanceof TableBlock) {
        HtmlBlock open = new HtmlBlock();
        open.setLiteral("<div class=\"table\">");
        block.insertBefore(open);
        HtmlBlock close = new HtmlBlock();
        close.setLiteral("</div>");
        block.insertAfter(close);
      }
      visitChildren(block);
    }
  }
}

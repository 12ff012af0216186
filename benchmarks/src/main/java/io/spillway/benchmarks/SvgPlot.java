package io.spillway.benchmarks;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.DoubleStream;

/**
 * Lines over named places on a logarithmic axis, as the text of an SVG image. Every point stands at
 * its place's middle with its value beside it in a tooltip.
 */
final class SvgPlot {

  private static final int WIDTH = 720;
  private static final int HEIGHT = 400;
  private static final int LEFT = 70;
  private static final int RIGHT = 170;
  private static final int TOP = 40;
  private static final int BOTTOM = 50;

  private final String title;
  private final String unit;
  private final String below;
  private final List<String> places;
  private final List<Line> lines = new ArrayList<>();

  private record Line(String name, String colour, String dashes, List<Double> values) {}

  /**
   * @param unit of the values
   * @param below what the places are
   */
  SvgPlot(String title, String unit, String below, List<String> places) {
    this.title = title;
    this.unit = unit;
    this.below = below;
    this.places = places;
  }

  /**
   * @param dashes as {@code stroke-dasharray} takes them; empty: a solid line
   * @param values one a place, above 0
   */
  void add(String name, String colour, String dashes, double... values) {
    if (values.length != places.size() || DoubleStream.of(values).anyMatch(v -> !(v > 0))) {
      throw new IllegalArgumentException(
          "line %s needs %d values above 0, found %s"
              .formatted(name, places.size(), DoubleStream.of(values).boxed().toList()));
    }
    lines.add(new Line(name, colour, dashes, DoubleStream.of(values).boxed().toList()));
  }

  String svg() {
    StringBuilder out = new StringBuilder();
    append(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\""
            + " font-family=\"sans-serif\" font-size=\"12\">",
        WIDTH,
        HEIGHT);
    append(out, "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>");
    text(out, LEFT, 20, "start", title + " (" + unit + ", logarithmic)");
    text(out, (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 12, "middle", below);
    drawAxes(out);
    for (int i = 0; i < lines.size(); i++) {
      draw(out, lines.get(i), i);
    }
    append(out, "</svg>");
    return out.toString();
  }

  private void drawAxes(StringBuilder out) {
    for (int power = lowestPower(); power <= highestPower(); power++) {
      double value = Math.pow(10, power);
      append(
          out,
          "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#ccc\"/>",
          LEFT,
          WIDTH - RIGHT,
          y(value),
          y(value));
      text(out, LEFT - 8, y(value) + 4, "end", shown(value));
    }
    for (int i = 0; i < places.size(); i++) {
      text(out, x(i), HEIGHT - BOTTOM + 18, "middle", places.get(i));
    }
  }

  private void draw(StringBuilder out, Line line, int index) {
    StringBuilder points = new StringBuilder();
    for (int i = 0; i < line.values.size(); i++) {
      points.append(String.format(Locale.ROOT, "%.1f,%.1f ", x(i), y(line.values.get(i))));
    }
    append(
        out,
        "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" stroke-dasharray=\"%s\""
            + " points=\"%s\"/>",
        line.colour,
        line.dashes.isEmpty() ? "none" : line.dashes,
        points.toString().strip());
    for (int i = 0; i < line.values.size(); i++) {
      append(
          out,
          "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"><title>%s</title></circle>",
          x(i),
          y(line.values.get(i)),
          line.colour,
          escaped(shown(line.values.get(i)) + " " + unit));
    }
    drawKey(out, line, TOP + 10 + 20 * index);
  }

  private static void drawKey(StringBuilder out, Line line, int y) {
    append(
        out,
        "<line x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\" stroke=\"%s\" stroke-width=\"2\""
            + " stroke-dasharray=\"%s\"/>",
        WIDTH - RIGHT + 15,
        WIDTH - RIGHT + 45,
        y,
        y,
        line.colour,
        line.dashes.isEmpty() ? "none" : line.dashes);
    text(out, WIDTH - RIGHT + 52, y + 4, "start", line.name);
  }

  private double x(int place) {
    double step = (double) (WIDTH - LEFT - RIGHT) / places.size();
    return LEFT + step * (place + 0.5);
  }

  private double y(double value) {
    double share = (Math.log10(value) - lowestPower()) / (highestPower() - lowestPower());
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM);
  }

  private int lowestPower() {
    return (int) Math.floor(Math.log10(values().min().orElse(1)));
  }

  private int highestPower() {
    int highest = (int) Math.ceil(Math.log10(values().max().orElse(10)));
    return Math.max(highest, lowestPower() + 1);
  }

  private DoubleStream values() {
    return lines.stream()
        .flatMapToDouble(line -> line.values.stream().mapToDouble(Double::doubleValue));
  }

  private static String shown(double value) {
    return String.format(Locale.ROOT, value < 10 ? "%.2f" : "%.0f", value);
  }

  private static void text(StringBuilder out, double x, double y, String anchor, String text) {
    append(
        out,
        "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>",
        x,
        y,
        anchor,
        escaped(text));
  }

  private static String escaped(String text) {
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
  }

  private static void append(StringBuilder out, String format, Object... arguments) {
    out.append(String.format(Locale.ROOT, format, arguments)).append('\n');
  }
}

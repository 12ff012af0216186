/** Benchmarks: JMH for parts, processes for the whole. */
@org.jspecify.annotations.NullMarked
package io.spillway.benchmarks;

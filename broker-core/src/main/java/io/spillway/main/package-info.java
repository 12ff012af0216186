/**
 * The command: reads its arguments, configures logging and the process, starts a broker and stops
 * it. The only place that knows the environment, system properties and exit codes.
 */
@NullMarked
package io.spillway.main;

import org.jspecify.annotations.NullMarked;

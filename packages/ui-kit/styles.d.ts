/** The bundler turns an imported style sheet into a file of its own; there is nothing to import from it. */
declare module "*.css";

/** Headrace's own version, said by the command line, the node and the API server alike. */
export const version = "0.1.0";

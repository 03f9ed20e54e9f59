export { createApiServer } from "./server.ts";
export type {
  Admission,
  AdmissionCall,
  Answer,
  ApiServer,
  ApiServerOptions,
  Completed,
  DeletionOptions,
  ServerVersion,
  SubresourceCall,
  SubresourceHandler,
} from "./options.ts";
